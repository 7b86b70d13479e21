"""Writes the Allure report as one HTML file that loads nothing; the verdict never needs it."""

import base64
import binascii
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from html.parser import HTMLParser
from pathlib import Path

from pgcutover.embedded.npm import node
from pgcutover.embedded.tools import npm_install
from pgcutover.errors import PgCutoverError
from pgcutover.reports.allure_results import write_results
from pgcutover.reports.summary import summarise
from pgcutover.verdict_json.document import Document
from pgcutover.verdict_json.file import write_text_atomically

Progress = Callable[[str], None]

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 300
# Allure 3.18 adds these to every report, and no option turns them off
# (https://github.com/allure-framework/allure3/issues/476)
_ANALYTICS = re.compile(
    r'<script async src="https://www\.googletagmanager\.com/[^"]*"></script>\s*'
    r"|<script>\s*window\.dataLayer\b.*?</script>\s*",
    re.S,
)
_MARKS = ("googletagmanager", "google-analytics", "gtag(", "window.dataLayer", "sendBeacon")
_CHARSET = '<meta charset="utf-8">'
# the page is a program; this keeps it, and any HTML in a result, from loading anything
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data: blob:; style-src 'unsafe-inline' data:; "
    "img-src data: blob:; font-src data:; media-src data: blob:; connect-src data: blob:; "
    "frame-src data: blob:; worker-src data: blob:; form-action 'none'"
)
_LOADING = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background"}


def allure_report(
    document: Document,
    out_html: Path,
    progress: Progress,
    secrets: Collection[str] = (),
) -> Path:
    """Write the Allure report of a verdict document; it holds nothing else."""
    migration = document.migration
    exercise = migration.rehearsal or migration.sabotage is not None
    kind = "REHEARSAL, " if exercise else ""
    title = f"{migration.name}: {kind}{summarise(document).verdict}"
    with tempfile.TemporaryDirectory(prefix="pgcutover-allure-") as work:
        results = Path(work) / "results"
        write_results(document, results, secrets)
        return allure_single_file(results, out_html, progress, title)


def allure_single_file(
    results_dir: Path, out_html: Path, progress: Progress, title: str = "pgcutover"
) -> Path:
    """Write the results of a folder as one HTML file, without analytics or network."""
    if not any(results_dir.glob("*-result.json")):
        raise PgCutoverError(
            f"allure report: expected *-result.json files in {results_dir}, found none; "
            "write them first"
        )
    home = npm_install(HERE / "npm", "allure", progress)
    with tempfile.TemporaryDirectory(prefix="pgcutover-allure-") as work:
        page = _generate(home, results_dir.absolute(), Path(work), title)
    return write_text_atomically(without_network(page), out_html)


def _generate(home: Path, results_dir: Path, work: Path, title: str) -> str:
    command = [
        *(node()[0], "--import", (HERE / "offline.mjs").as_uri()),
        *(str(home / "node_modules" / "allure" / "cli.js"), "generate"),
        *("--config", str(HERE / "allurerc.mjs"), "--cwd", str(work)),
        *("--output", str(work / "report"), f"--report-name={title}", str(results_dir)),
    ]
    printed = _run(command, work)
    try:
        return (work / "report" / "index.html").read_text(encoding="utf-8")
    except OSError as error:
        raise PgCutoverError(
            f"allure report: none was written; Allure printed: {printed}"
        ) from error


def _run(command: list[str], work: Path) -> str:
    # Allure writes facts about a CI job into the report; this environment has none
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(work), "TMPDIR": str(work)}
    try:
        done = subprocess.run(  # noqa: S603 - our own node and allure
            command,
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise PgCutoverError(
            f"allure report: not ready after {TIMEOUT_SECONDS} s; the verdict stands without it"
        ) from late
    except OSError as error:
        raise PgCutoverError(f"allure report: node cannot be started: {error.strerror}") from error
    printed = " / ".join(done.stdout.decode(errors="replace").split("\n")[:5]).strip()
    if done.returncode != 0:
        raise PgCutoverError(
            f"allure report: allure ended with {done.returncode}; the verdict stands without it; "
            f"Allure printed: {printed}"
        )
    return printed


def without_network(page: str) -> str:
    """Return the page without analytics and with a policy that forbids requests."""
    cleaned = _ANALYTICS.sub("", page)
    found = [*_marks_left(cleaned), *_loaded(cleaned)]
    if found:
        raise PgCutoverError(
            f"allure report: expected a page that loads nothing, found {', '.join(found[:3])}; "
            "this version of allure is not known, so its page is not written"
        )
    policy = f'{_CHARSET}\n    <meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    if cleaned.count(_CHARSET) != 1:
        raise PgCutoverError("allure report: expected one charset at the head of its page")
    return cleaned.replace(_CHARSET, policy)


def _marks_left(page: str) -> Iterator[str]:
    programs = [_decoded(code) for code in re.findall(r"javascript;base64,([\w+/=]+)", page)]
    for mark in _MARKS:
        if any(mark in text for text in (page, *programs)):
            yield mark


def _decoded(code: str) -> str:
    try:
        return base64.b64decode(code).decode(errors="replace")
    except binascii.Error:
        return ""


class _Loads(HTMLParser):
    """Collects every address outside of the page that the page would load or link."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [
            value[:80]
            for name, value in attrs
            if name in _LOADING and value and not value.startswith(("data:", "#"))
        ]


def _loaded(page: str) -> list[str]:
    parser = _Loads()
    parser.feed(page)
    parser.close()
    return parser.addresses
