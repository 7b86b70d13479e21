"""Writes the sign-off page: verdict.json as one HTML file to read, print and sign."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pgcutover.checking.coverage import RUN_WIDE
from pgcutover.reports import findings, matrix, words
from pgcutover.reports.night import NightView
from pgcutover.reports.summary import figures, summarise
from pgcutover.text.words import count_noun
from pgcutover.verdict import list_excused, list_warnings
from pgcutover.verdict_json.document import Document, ResultEntry
from pgcutover.verdict_json.file import verdict_bytes, write_text_atomically

TEMPLATES = Path(__file__).parent
MAX_RESULTS_LISTED = 300
MAX_HOLES_LISTED = 200
MAX_WARNINGS = 100
MAX_WORST = 8  # in the banner


def write_html(document: Document, path: Path, night: NightView | None = None) -> Path:
    """Write the sign-off page of a verdict document: one file that loads nothing."""
    return write_text_atomically(render(document, night), path)


def render(document: Document, night: NightView | None = None) -> str:
    """Return the page, with the night that followed the verdict of a rehearsal."""
    template = _environment().get_template("signoff.html.j2")
    return template.render(**_context(document), night=night)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=words.visible,
    )
    filters = (
        words.breakable,
        words.claim,
        words.duration,
        words.known,
        words.moment,
        words.number,
    )
    environment.filters.update({f.__name__: f for f in filters})
    environment.globals["count_noun"] = count_noun
    return environment


def _context(document: Document) -> dict[str, object]:
    found = findings.gather(document)
    matrices = matrix.build(document, found.anchors)
    tables = [t.target for t in document.tables]
    passed = sum(matrices.verdicts.get(name) == "PASS" for name in tables)
    return {
        "doc": document,
        "css": Markup(_stylesheet(document)),  # noqa: S704 - only the footer is foreign, and escaped
        "digest": hashlib.sha256(verdict_bytes(document)).hexdigest(),
        "summary": summarise(document),
        "figures": figures(document, passed),
        "found": found,
        "matrices": matrices,
        "run_wide": [
            (found.anchors.get(n, "findings"), r)
            for n, r in enumerate(document.results)
            if r.object == RUN_WIDE
        ],
        "checks": matrix.columns(document, (c.id for c in document.checks)),
        "titles": {c.id: c.title for c in document.checks},
        "listed": _listed(document, found.anchors),
        "longest": _longest(document),
        "max_rows": matrix.MAX_ROWS,
        "warnings": list(list_warnings(document.results).items()),
        "excused": list_excused(document.results),
        "max_warnings": MAX_WARNINGS,
        "max_worst": MAX_WORST,
        "max_holes": MAX_HOLES_LISTED,
    }


def _listed(document: Document, anchors: Mapping[int, str]) -> list[tuple[str, ResultEntry]]:
    ranked = sorted(enumerate(document.results), key=lambda r: -matrix.RANK[r[1].verdict])
    return [(anchors.get(n, "findings"), result) for n, result in ranked[:MAX_RESULTS_LISTED]]


def _longest(document: Document) -> float:
    return max((t.duration_seconds for t in document.timings), default=0.0)


def _stylesheet(document: Document) -> str:
    css = (TEMPLATES / "signoff.css").read_text(encoding="utf-8")
    migration, run = document.migration, document.run
    kind = "REHEARSAL " if migration.rehearsal or migration.sabotage is not None else ""
    footer = f"{migration.name} - {kind}{summarise(document).verdict} - run {run.id}"
    return css.replace("FOOTER", _css_text(footer))


def _css_text(text: str) -> str:
    """Return the text for a CSS string; any special character becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9 ._:-]", "_", text)[:90]
