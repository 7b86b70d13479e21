"""Writes the figures as a table, as RESULTS.md, and as a drawing."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# each ratio: its target in words, the test for it, and its meaning
_TARGETS: Mapping[str, tuple[str, Callable[[float], bool], str]] = {
    "vs_reladiff": ("≥ 4", lambda x: x >= 4, "reladiff's time over ours, equal tables"),
    "vs_dvt": ("≥ 20", lambda x: x >= 20, "DVT's time over ours, equal tables"),
    "vs_copy_floor": ("≤ 1.0", lambda x: x <= 1.0, "our time over moving the bytes of both sides"),
    "diff_1000_over_identical": (
        "≤ 1.3", lambda x: x <= 1.3, "1,000 differences found to the column, over equal tables"),
    "diff_million_over_identical": (
        "≤ 2", lambda x: x <= 2, "a fifth of all rows differs, over equal tables"),
    "exponent": ("≤ 1.05", lambda x: x <= 1.05, "growth of time with rows, over a factor of 20"),
    "rss_mb": ("≤ 150", lambda x: x <= 150, "MB of memory of our process, at most"),
    "small_table_ms": ("≤ 20", lambda x: x <= 20, "ms a table, 1,000 tables of 100 rows"),
    "pgbench_tps_loss": (
        "≤ 15", lambda x: x <= 15, "% of pgbench's transactions lost on the source"),
}  # fmt: skip
_BAR, _STEP, _LEFT, _WIDTH = 22, 36, 250, 420


def table(answer: Mapping[str, Any]) -> str:
    """Return the ratios as a Markdown table."""
    lines = ["| ratio | target | measured | | what |", "| --- | --- | --- | --- | --- |"]
    for name, (target, is_met, what) in _TARGETS.items():
        if name in answer["ratios"]:
            found = answer["ratios"][name]
            met = "met" if is_met(found) else "**missed**"
            lines.append(f"| `{name}` | {target} | {found:.3g} | {met} | {what} |")
    return "\n".join(lines) + "\n"


def write(answer: Mapping[str, Any], folder: Path) -> None:
    """Write RESULTS.md and compare.svg."""
    (folder / "RESULTS.md").write_text(_page(answer), encoding="utf-8")
    (folder / "compare.svg").write_text(drawing(answer), encoding="utf-8")


def _page(answer: Mapping[str, Any]) -> str:
    machine = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in answer["machine"].items())
    rows = "\n".join(
        f"| {name} | {', '.join(f'{s:.2f}' for s in runs)} |"
        for name, runs in answer["seconds"].items()
    )
    pairs = "\n".join(
        f"| {name} | {', '.join(f'{ratio:.3g}' for ratio in found)} |"
        for name, found in answer["pairs"].items()
    )
    facts = "\n".join(
        f"- {name.replace('_', ' ')}: {value}" for name, value in answer["facts"].items()
    )
    return f"""# Results of the benchmarks

Written by `tox -e bench -- compare --results --json FILE`. All figures are from one run on one
machine; compare the ratios, not the seconds. {answer["rows"]:,} rows of 10 columns (bigint, text,
varchar, numeric(10,3), jsonb, double precision, two timestamptz, NULLs among them) on both sides.

{machine}.

![seconds to compare](compare.svg)

{table(answer)}
pgcutover and each peer ran alternately, {answer["runs"]} pairs (DVT: at most 2). A ratio is the
median of the pairs without the first one, which warms the caches. Seconds include the start of the
process, except for the floor: `COPY … (format binary)` of both sides at once to nowhere, with the
faster of one and two connections a side. reladiff counts with the fastest of the settings below.

| pair | peer's time over ours, pair by pair |
| --- | --- |
{pairs}

| run | seconds of each run |
| --- | --- |
{rows}

{facts}
"""


def drawing(answer: Mapping[str, Any]) -> str:
    """Return bars of seconds on a logarithmic scale, for light and dark backgrounds."""
    bars = _bars(answer)
    low = min(seconds for _, seconds in bars) / 2
    scale = _WIDTH / math.log(max(seconds for _, seconds in bars) / low)
    height = _STEP * len(bars) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 90} {height}" '
        'font-family="system-ui, sans-serif" font-size="14" role="img">',
        "<title>Seconds to compare one table on two servers, logarithmic</title>",
        "<style>text{fill:#1f2937}.ours{fill:#0f766e}.other{fill:#94a3b8}"
        "@media (prefers-color-scheme:dark){text{fill:#e5e7eb}.ours{fill:#2dd4bf}"
        ".other{fill:#64748b}}</style>",
    ]
    for n, (name, seconds) in enumerate(bars):
        y, width = 12 + n * _STEP, max(2.0, scale * math.log(seconds / low))
        kind = "ours" if name.startswith("pgcutover") else "other"
        parts += [
            f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end">{name}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.0f}" height="{_BAR}"/>',
            f'<text x="{_LEFT + width + 8:.0f}" y="{y + 16}">{seconds:.3g} s</text>',
        ]
    label = f"{answer['rows']:,} rows of 10 columns, both sides, logarithmic"
    parts += [f'<text x="{_LEFT}" y="{height - 12}" font-size="12">{label}</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def _bars(answer: Mapping[str, Any]) -> list[tuple[str, float]]:
    def best(runs: list[float]) -> float:
        kept = sorted(runs[1:] or runs)
        return kept[len(kept) // 2]

    seconds = answer["seconds"]
    bars = [("pgcutover", best(seconds["ours"]))]
    for title, prefix in (("moving the bytes (COPY)", "COPY floor"), ("reladiff", "reladiff")):
        if found := [best(runs) for name, runs in seconds.items() if name.startswith(prefix)]:
            bars.append((title, min(found)))
    if "vs_dvt" in answer["ratios"]:
        scaled = answer["facts"]["dvt_rows"] < answer["rows"]
        title = "DVT (scaled)" if scaled else "DVT"
        bars.append((title, answer["ratios"]["vs_dvt"] * bars[0][1]))
    return bars
