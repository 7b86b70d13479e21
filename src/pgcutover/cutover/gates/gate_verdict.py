"""Decides whether a verdict.json opens the cutover: a fresh PASS of exactly this migration."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.gates.verdict_ledger import ExpectedLedgers, find_ledger_reasons
from pgcutover.errors import PgCutoverError
from pgcutover.key_hash.hashing import KeySecret
from pgcutover.sides import Sides
from pgcutover.verdict_json.document import Document, Side
from pgcutover.verdict_json.file import read_verdict
from pgcutover.verdict_json.seal import is_sealed

_CLOCK_SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Expected:
    """The migration that a verdict must be about; `systems` are identifier and database.

    `ledgers` are those that run now, None without [ledger].
    """

    migration: str
    config_sha256: str
    suite_version: str
    systems: Sides[tuple[str, str]]
    ledgers: ExpectedLedgers | None = None


def require_pass(path: Path, expected: Expected, secret: KeySecret, now: datetime) -> Document:
    """Return the verdict that opens the cutover; RefusedError lists all that is missing."""
    try:
        document = read_verdict(path)
    except PgCutoverError as error:
        raise RefusedError(f"the cutover needs a PASS: {error}; run the gate") from error
    reasons = list(find_reasons(path, document, expected, secret, now))
    if reasons:
        raise RefusedError(
            f"{path} does not open the cutover: {'; '.join(reasons)}. Run the gate again"
        )
    return document


def find_reasons(
    path: Path, document: Document, expected: Expected, secret: KeySecret, now: datetime
) -> Iterator[str]:
    """Yield every reason why a verdict does not open the cutover; none if it does."""
    if not is_sealed(path, path.read_bytes(), secret):
        yield (
            "its seal is missing or not that of this file: it was edited, copied, or written with "
            "another key secret"
        )
    yield from _evidence(path, document)
    yield from _result(document)
    yield from _migration(document, expected)
    yield from _systems(document, expected)
    if expected.ledgers is not None:
        yield from find_ledger_reasons(document.ledger, expected.ledgers)
    yield from _time(document, now)
    yield from _newer_runs(path, document)


def _result(document: Document) -> Iterator[str]:
    if document.verdict != "PASS":
        yield f"expected PASS, found {document.verdict}"
    coverage = document.coverage
    if document.run.interrupted or coverage.holes or coverage.reported < coverage.expected:
        yield (
            f"it is partial: {coverage.reported} of {coverage.expected} expected results were "
            "reported"
        )
    if failed := sum(result.verdict != "PASS" for result in document.results):
        yield f"results other than PASS: {failed}"


def _migration(document: Document, expected: Expected) -> Iterator[str]:
    found = document.migration
    if found.rehearsal or found.sabotage is not None:
        yield "it is a rehearsal's, which opens nothing"
    for name, wanted, held in (
        ("migration", expected.migration, found.name),
        ("suite version", expected.suite_version, found.suite_version),
        ("SHA-256 of the configuration", expected.config_sha256[:12], found.config_sha256[:12]),
    ):
        if wanted != held:
            yield f"{name}: expected {wanted!r}, found {held!r}"


def _systems(document: Document, expected: Expected) -> Iterator[str]:
    sides: tuple[tuple[str, Side, tuple[str, str]], ...] = (
        ("source", document.source, expected.systems.source),
        ("target", document.target, expected.systems.target),
    )
    for label, side, wanted in sides:
        found = (str(side.system_identifier), str(side.database))
        if found != wanted:
            yield (
                f"{label}: expected system identifier {wanted[0]}, database {wanted[1]}, found "
                f"{found[0]}, {found[1]}"
            )


def _time(document: Document, now: datetime) -> Iterator[str]:
    run = document.run
    if run.expires_at is None or datetime.fromisoformat(run.expires_at) <= now:
        yield f"it expired at {run.expires_at}" if run.expires_at else "it never opened a cutover"
    if datetime.fromisoformat(run.finished_at) > now + _CLOCK_SLACK:
        yield f"it ended at {run.finished_at}, in the future: a clock was set"


def _newer_runs(path: Path, document: Document) -> Iterator[str]:
    """Name a later run of this migration beside this one; it counts, whatever its verdict is."""
    later = [
        run
        for name, run in _runs_beside(path.resolve().parent)
        if name == document.migration.name and run > document.run.id
    ]
    if later:
        yield f"the run {max(later)} is newer"


def _runs_beside(folder: Path) -> Iterable[tuple[str, str]]:
    """Yield migration and id of each gate run beside a run's folder."""
    for other in folder.parent.glob("*/verdict.json"):
        try:
            plain = json.loads(other.read_bytes())
            if not plain["migration"]["rehearsal"]:
                yield str(plain["migration"]["name"]), str(plain["run"]["id"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _evidence(path: Path, document: Document) -> Iterator[str]:
    changed = [name for name, digest in document.evidence.items() if _digest(path, name) != digest]
    if changed:
        yield f"evidence was changed or is missing: {', '.join(sorted(changed))}"


def _digest(path: Path, name: str) -> str:
    try:
        return hashlib.sha256((path.parent / name).read_bytes()).hexdigest()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Override:
    """A person's decision to cut over without a PASS."""

    who: str
    why: str
    ticket: str

    def __post_init__(self) -> None:
        """Refuse an override that leaves out who, why or the ticket."""
        missing = [name for name in ("who", "why", "ticket") if not getattr(self, name).strip()]
        if missing:
            raise RefusedError(
                f"an override needs --who, --why and --ticket; missing: {', '.join(missing)}"
            )

    def details(self) -> Mapping[str, str]:
        """Return the override as the journal keeps it."""
        return {"who": self.who, "why": self.why, "ticket": self.ticket}


def now() -> datetime:
    """Return the time by which verdicts expire."""
    return datetime.now(UTC)
