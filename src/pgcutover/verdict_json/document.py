"""The content of verdict.json, format 2, and the check that a document has that form."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pgcutover.errors import PgCutoverError

FORMAT = 2
VerdictName = Literal["PASS", "UNKNOWN", "FAIL"]
_SHOWN_PROBLEMS = 5
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


class _Part(BaseModel):
    """A table of the document; keys that this format does not have are kept."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",  # a newer version may add keys
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class Migration(_Part):
    """The migration, and whether the run can open a cutover at all."""

    name: str
    """Name in migration.toml."""
    config_sha256: str
    """SHA-256 of migration.toml, mapping rules, task settings, scripts and suites."""
    suite_version: str
    """Version of pgcutover."""
    rehearsal: bool
    """True for a run on embedded servers."""
    sabotage: str | None
    """Damage done on purpose to a rehearsal."""
    mover: str | None
    """`dms`; null where no mover is configured."""


class Run(_Part):
    """Start, end and expiry of the run; times are ISO 8601 in UTC."""

    id: str
    """Name of the run and of its folder."""
    started_at: str
    """Start."""
    finished_at: str
    """End."""
    duration_seconds: float
    """Seconds between both."""
    expires_at: str | None
    """After this time a PASS may not be used; null for any other run."""
    interrupted: bool
    """True where the run was stopped before its end."""


class Side(_Part):
    """One database; null where it was not read."""

    server_version: str | None
    """Version of PostgreSQL."""
    system_identifier: str | int | None
    """Identifier of the database cluster."""
    database: str | None
    """Name of the database."""
    lsn: str | None
    """Position in the WAL when the catalog was read."""
    tls: str | bool | None
    """Version of TLS; `none` without encryption."""


class Hole(_Part):
    """An expected result that was not reported."""

    check_id: str
    """Check."""
    object: str
    """Object; `*` is the whole database."""
    table: str = ""
    """Table of the object."""


class Coverage(_Part):
    """Expected results (checks times objects) and reported ones."""

    expected: int
    """Expected results."""
    reported: int
    """Reported results."""
    holes: list[Hole]
    """Expected results that were not reported."""
    unexpected: list[Any]
    """Reported results that were not expected."""


class CheckInfo(_Part):
    """A check, in the words of its own docstring."""

    id: str
    """Identifier."""
    stage: str
    """Stage."""
    title: str
    """Claim that the check proves."""
    fails_when: str
    """Causes of a FAIL."""
    cannot_see: str
    """Faults that the check does not detect."""
    needs: str
    """Privileges and settings."""
    costs: str
    """Load on the servers."""


class NotAsked(_Part):
    """A check that was not run."""

    check_id: str
    """Check."""
    reason: str
    """Reason."""


class RemedyEntry(_Part):
    """Advice about a finding."""

    action: str
    """Advice in one sentence."""
    command: str
    """Command to run from the folder of the run's start; empty where there is none."""


class FindingEntry(_Part):
    """One named difference; its evidence holds counts, columns and key hashes."""

    object: str
    """Object."""
    kind: str
    """Kind of the difference."""
    message: str
    """Expected and found."""
    evidence: dict[str, Any]
    """Details."""
    remedy: RemedyEntry | None = None
    """Advice; null where there is none."""


class ResultEntry(_Part):
    """The result of one check of one object."""

    check_id: str
    """Check."""
    object: str
    """Object; `*` is the whole database."""
    stage: str
    """Stage."""
    verdict: VerdictName
    """Verdict of this result."""
    message: str
    """Reason for a result other than PASS."""
    findings: list[FindingEntry]
    """Differences."""
    duration_seconds: float
    """Duration."""
    worker: str
    """Worker process."""
    table: str = ""
    """Table of the object."""
    facts: dict[str, Any] = {}
    """Row counts, methods and, as `warnings`, differences that do not close the gate."""


class TableEntry(_Part):
    """A mapped table."""

    source: str
    """Name on the source."""
    target: str
    """Name on the target."""
    rows_source: int | None
    """Rows on the source; null where they were not counted."""
    rows_target: int | None
    """Rows on the target; null where they were not counted."""


class NotProven(_Part):
    """A table or column that was left out of the comparison, or compared less than exactly."""

    table: str
    """Table: by its name on the target, or on the source if it does not move."""
    column: str | None
    """Column; null for the whole table."""
    reason: str
    """Mapping rule or key of migration.toml that leaves it out, and why."""


class DeclaredDifference(_Part):
    """A difference that migration.toml declares."""

    object: str
    """Object."""
    kind: str
    """Kind of the object."""
    change: str
    """Declared change."""
    property: str | None = None
    """Declared property of the object; null for the whole object."""
    reason: str
    """Reason."""


class ProvisioningStep(_Part):
    """A step that this run applied to the target."""

    step: str
    """Step."""
    detail: str
    """Detail."""
    duration_seconds: float
    """Duration."""


class Timing(_Part):
    """Duration of one phase."""

    phase: str
    """Phase."""
    duration_seconds: float
    """Duration."""


class LedgerSlot(_Part):
    """A logical slot that a change ledger records."""

    slot: str
    """Name of the slot."""
    system_identifier: str
    """Identifier of the database cluster."""
    timeline: int
    """Timeline of the server."""
    database: str
    """Name of the database."""
    snapshot: str
    """Snapshot that was taken after the slot was created."""
    position: str
    """Position in the WAL up to which all changes are recorded."""


class LedgerComparison(_Part):
    """The comparison from which on the ledgers hold a table's changes."""

    table: str
    """Table by its name on the target."""
    source_snapshot: str
    """Oldest snapshot of the source that rows were read in."""
    target_snapshot: str
    """The same for the target."""


class ChangeLedger(_Part):
    """The change ledgers that recorded the run's comparisons; a cutover needs the same ones."""

    id: str
    """Random id, new whenever a slot is new."""
    source: LedgerSlot
    target: LedgerSlot
    comparisons: list[LedgerComparison]
    """Tables that were found equal."""


class Document(_Part):
    """The result of one run. It holds no row value, no key, no password and no DSN."""

    format: Literal[2]
    """Format number; raised when a reader must change."""
    verdict: VerdictName
    """Verdict of the run; only PASS opens a cutover."""
    reasons: list[str]
    """Reasons why the verdict is not PASS, one sentence each."""
    migration: Migration
    run: Run
    source: Side
    target: Side
    key_secret_id: str | None
    """Name of the secret behind the key hashes; null where it was thrown away."""
    ledger: ChangeLedger | None = None
    coverage: Coverage
    checks: list[CheckInfo]
    not_asked: list[NotAsked]
    results: list[ResultEntry]
    tables: list[TableEntry]
    not_proven: list[NotProven]
    declared_differences: list[DeclaredDifference]
    provisioning: list[ProvisioningStep]
    timings: list[Timing]
    evidence: dict[str, str]
    """SHA-256 of each file beside verdict.json that belongs to the verdict, by relative path."""


def validate(document: Mapping[str, Any]) -> Document:
    """Return the document; PgCutoverError names every place that has another form."""
    if document.get("format") != FORMAT:
        raise PgCutoverError(
            f"verdict document: expected format {FORMAT}, found {document.get('format')!r}; "
            "use the pgcutover version that wrote it"
        )
    try:
        return Document.model_validate(document)
    except ValidationError as error:
        raise PgCutoverError("; ".join(_problems(error))) from None


def _problems(error: ValidationError) -> Iterator[str]:
    details = error.errors(include_url=False)
    yield from map(_problem, details[:_SHOWN_PROBLEMS])
    if len(details) > _SHOWN_PROBLEMS:
        yield f"and {len(details) - _SHOWN_PROBLEMS} more"


def _problem(error: ErrorDetails) -> str:
    place = "".join(f"[{n + 1}]" if isinstance(n, int) else f": {n}" for n in error["loc"])
    if error["type"] == "missing":
        return f"verdict document{place} is missing"
    expected = _EXPECTED.get(error["type"], error["msg"].removeprefix("Input should be "))
    return f"verdict document{place}: expected {expected}, found {type(error['input']).__name__}"
