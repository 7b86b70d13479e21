"""Benchmark of comparing one table on two servers: pgcutover, its peers and COPY, as ratios.

pgcutover and a peer run alternately, and the ratio is taken pair by pair: a machine whose speed
changes during the run changes both members of a pair.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import data
import peers
import report
import tpcb

from pgcutover.embedded.server import ServerSpec, servers

PARTS = ("identical", "reladiff", "dvt", "differences", "exponent", "small", "pgbench")
_BYTES_A_ROW = 260  # of the table with its index, on one side
_DVT_ROWS = 2_000_000  # it holds all rows in memory: about 2 GB a million
_RELADIFF = (
    {"threads": "1"},
    {"threads": "2"},
    {"threads": "2", "bisection-factor": "8", "bisection-threshold": "100000"},
)


class BenchError(Exception):
    """The benchmark cannot run here; the message says what is missing."""


@dataclass(slots=True)
class Bench:
    """The two servers, the size of the table, and the figures measured so far."""

    dsns: tuple[str, str]
    rows: int
    runs: int
    work: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    pairs: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    rss_mb: float = 0.0

    def note(self, name: str, seconds: float) -> None:
        """Record the seconds of one run and print them."""
        self.seconds.setdefault(name, []).append(round(seconds, 3))
        say(f"{name}: {seconds:.2f} s")

    def best(self, name: str) -> float:
        """Return the median of the runs without the first, or the only one."""
        kept = self.seconds[name]
        return statistics.median(kept[1:] or kept)

    def ours(self, name: str, table: str = "t", schema: str = "public") -> dict[str, Any]:
        """Run pgcutover once and record its seconds."""
        answer = peers.ours(self.dsns, schema, table)
        self.note(name, float(answer["seconds"]))
        self.rss_mb = max(self.rss_mb, float(answer["rss_mb"]))
        return answer

    def ours_equal(self, name: str = "ours", table: str = "t") -> float:
        """Run pgcutover once on equal tables and return its seconds."""
        answer = self.ours(name, table)
        if answer["found"]:
            raise BenchError(f"equal tables were reported different: {answer['found']}")
        return float(answer["seconds"])

    def measure_pairs(
        self, name: str, ours: Callable[[], float], other: Callable[[], float], runs: int
    ) -> float:
        """Run both alternately and return the median of other/ours without the first pair."""
        found = self.pairs.setdefault(name, [])
        for n in range(runs):
            if n % 2:
                their_seconds, our_seconds = other(), ours()
            else:
                our_seconds, their_seconds = ours(), other()
            found.append(round(their_seconds / our_seconds, 3))
        return statistics.median(found[1:] or found)


def say(text: str) -> None:
    """Print progress on stderr."""
    sys.stderr.write(f"  {text}\n")


def run(arguments: argparse.Namespace) -> int:
    """Measure the requested parts and write the results."""
    if arguments.rows < 10_000 or arguments.runs < 1:
        raise BenchError(f"expected at least 10,000 rows and 1 run, found {arguments.rows} rows")
    wanted = set(arguments.only)
    with _work(arguments.work) as work, _servers(arguments, work, wanted) as bench:
        for name, part in _PARTS.items():
            if name in wanted:
                say(f"--- {name}")
                part(bench)
        if arguments.note:
            bench.facts["note"] = arguments.note
        answer = _answer(bench, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n")
    if arguments.results:
        report.write(answer, Path(__file__).parent)
    sys.stdout.write(report.table(answer))
    return 0


def identical(bench: Bench) -> None:
    """Measure equal tables against COPY of both sides to nowhere, in one part or in two."""
    ratios = []
    for n in [1, 2] if (os.cpu_count() or 1) > 1 else [1]:
        name = f"COPY floor, {n} connection{'s' * (n > 1)} a side"

        def copy(parts: int = n, name: str = name) -> float:
            seconds = peers.floor(bench.dsns, "t", parts, bench.rows)
            bench.note(name, seconds)
            return seconds

        ratios.append(bench.measure_pairs(name, bench.ours_equal, copy, bench.runs))
    bench.ratios["vs_copy_floor"] = 1 / min(ratios)


def reladiff(bench: Bench) -> None:
    """Measure equal tables against reladiff with the fastest of its settings."""
    programs = peers.install("reladiff", bench.work)
    bench.facts["reladiff"] = peers.version(programs, "reladiff")
    ratios = []
    for settings in _RELADIFF:
        name = "reladiff " + " ".join(f"{k}={v}" for k, v in settings.items())

        def compare(name: str = name, settings: Mapping[str, str] = settings) -> float:
            seconds, lines = peers.reladiff(programs, bench.dsns, "t", settings)
            if lines:
                raise BenchError(f"reladiff reports {lines} differences in equal tables")
            bench.note(name, seconds)
            return seconds

        ratios.append(bench.measure_pairs(name, bench.ours_equal, compare, bench.runs))
    bench.ratios["vs_reladiff"] = min(ratios)


def dvt(bench: Bench) -> None:
    """Measure equal tables against DVT, on as many rows as it can hold in memory."""
    programs = peers.install("dvt", bench.work)
    bench.facts["google-pso-data-validator"] = peers.version(programs, "google-pso-data-validator")
    rows, table = min(bench.rows, _DVT_ROWS), "t"
    if rows < bench.rows:
        table = "dvt"
        for dsn in bench.dsns:
            data.make(dsn, table, rows)

    def validate() -> float:
        seconds, failed = peers.dvt(programs, bench.dsns, table, bench.work)
        if failed:
            raise BenchError(f"DVT reports {failed} differences in equal tables")
        bench.note(f"DVT, {rows:,} rows", seconds)
        return seconds

    def ours() -> float:
        return bench.ours_equal(f"ours, {rows:,} rows beside DVT", table)

    bench.facts["dvt_rows"] = rows
    bench.ratios["vs_dvt"] = bench.measure_pairs("DVT", ours, validate, min(bench.runs, 2))
    if table != "t":
        for dsn in bench.dsns:
            data.drop(dsn, table)


def differences(bench: Bench) -> None:
    """Measure 1,000 scattered differences, then a fifth of all rows; counts must be exact."""
    many = bench.rows // 5
    for name, count in (("diff_1000", 1_000), ("diff_million", many)):
        with data.scattered(bench.dsns[1], "t", bench.rows, count) as made:
            for _ in range(bench.runs):
                answer = bench.ours(f"ours, {sum(made.values()):,} differences")
                if answer["found"] != made or "amount" not in answer["columns"]:
                    raise BenchError(f"made {made}, found {answer['found']}")
        seconds = bench.best(f"ours, {sum(made.values()):,} differences")
        bench.ratios[f"{name}_over_identical"] = seconds / bench.best("ours")


def exponent(bench: Bench) -> None:
    """Measure how time grows from a fifth of the rows to four times as many."""
    points = [(bench.rows, bench.best("ours"))]
    for rows in (bench.rows // 5, bench.rows * 4):
        for dsn in bench.dsns:
            data.make(dsn, "grown", rows)
        name = f"ours, {rows:,} rows"
        for _ in range(bench.runs):
            bench.ours(name, "grown")
        points.append((rows, bench.best(name)))
        for dsn in bench.dsns:
            data.drop(dsn, "grown")
    bench.ratios["exponent"] = _slope([(math.log(r), math.log(s)) for r, s in points])


def small(bench: Bench) -> None:
    """Measure 1,000 tables of 100 rows."""
    for dsn in bench.dsns:
        data.make_small(dsn, 1_000, 100)
    for _ in range(bench.runs):
        answer = bench.ours("ours, 1,000 tables of 100 rows", "%", "small")
        if answer["tables"] != 1_000 or answer["found"]:
            raise BenchError(f"small tables: {answer}")
    bench.ratios["small_table_ms"] = bench.best("ours, 1,000 tables of 100 rows")


def pgbench(bench: Bench) -> None:
    """Measure the transactions that pgbench loses at the default load budget, in percent."""
    losses = []
    for alone, beside in tpcb.pairs(bench.dsns, max(bench.runs, 5), say):
        losses.append(100 * (1 - beside / alone))
        bench.facts.setdefault("pgbench_tps", []).append([round(alone), round(beside)])
    bench.ratios["pgbench_tps_loss"] = statistics.median(losses)


_PARTS: dict[str, Callable[[Bench], None]] = {
    "identical": identical,
    "reladiff": reladiff,
    "differences": differences,
    "small": small,
    "pgbench": pgbench,
    "dvt": dvt,
    "exponent": exponent,
}


@contextmanager
def _work(named: Path | None) -> Iterator[Path]:
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="pgcutover-bench-") as made:
        yield Path(made)


@contextmanager
def _servers(arguments: argparse.Namespace, work: Path, wanted: set[str]) -> Iterator[Bench]:
    largest = arguments.rows * (5 if "exponent" in wanted else 1)
    needed = 2 * largest * _BYTES_A_ROW + 20 * 2**30
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise BenchError(
            f"{needed / 2**30:.0f} GB of disk are needed in {tempfile.gettempdir()}, "
            f"{free / 2**30:.0f} GB are free; ask for fewer --rows"
        )
    specs = [ServerSpec("source", 15, data.SETTINGS), ServerSpec("target", 17, data.SETTINGS)]
    with servers(specs, progress=say) as running:
        dsns = (running["source"].dsn(), running["target"].dsn())
        start = monotonic()
        for dsn in dsns:
            data.make(dsn, "t", arguments.rows)
        say(f"made {arguments.rows:,} rows on both sides in {monotonic() - start:.0f} s")
        yield Bench(dsns, arguments.rows, arguments.runs, work)


def _answer(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    commit = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(commit, capture_output=True, check=False, cwd=Path(__file__).parent)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "rows": bench.rows,
        "runs": bench.runs,
        "only": arguments.only,
        "ratios": {k: round(v, 3) for k, v in bench.ratios.items()}
        | {"rss_mb": round(bench.rss_mb, 1)},
        "seconds": bench.seconds,
        "pairs": bench.pairs,
        "facts": bench.facts,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(memory, 1),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "postgresql": "15 and 17, embedded",
            "pgcutover": f"{version('pgcutover')} {done.stdout.decode().strip()}",
        },
    }


def _slope(points: list[tuple[float, float]]) -> float:
    x, y = (statistics.mean(p[n] for p in points) for n in (0, 1))
    above = sum((a - x) * (b - y) for a, b in points)
    return above / sum((a - x) ** 2 for a, _ in points)
