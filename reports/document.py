"""The verdict document: its shape (`verdict.json`, format 1), reading it and writing it."""

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Literal,
    NotRequired,
    TypedDict,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pgcutover.errors import PgCutoverError

FORMAT = 1
VerdictName = Literal["PASS", "UNKNOWN", "FAIL"]


class Migration(TypedDict):
    """What migrates, and whether the run can count at all."""

    name: str
    config_sha256: str
    suite_version: str
    rehearsal: bool
    sabotage: str | None
    mover: str | None


class Run(TypedDict):
    """When it ran; times are ISO 8601."""

    id: str
    started_at: str
    finished_at: str
    duration_seconds: float
    expires_at: str | None


class Side(TypedDict):
    """One database; None where the server did not say."""

    server_version: str | None
    system_identifier: str | int | None
    database: str | None
    lsn: str | None
    tls: str | bool | None


class Hole(TypedDict):
    """A result that the manifest expects and nobody reported."""

    check_id: str
    object: str
    table: NotRequired[str]


class Coverage(TypedDict):
    """Expected (checks x objects) against reported."""

    expected: int
    reported: int
    holes: list[Hole]
    unexpected: list[object]


class CheckInfo(TypedDict):
    """A check in the words of its own docstring."""

    id: str
    stage: str
    title: str
    fails_when: str
    cannot_see: str
    needs: str
    costs: str


class FindingEntry(TypedDict):
    """One named difference; the evidence holds counts, columns and keyed hashes."""

    object: str
    kind: str
    message: str
    evidence: dict[str, object]


class ResultEntry(TypedDict):
    """What one check said of one object; `table` groups an object whose name does not."""

    check_id: str
    object: str
    stage: str
    verdict: VerdictName
    message: str
    findings: list[FindingEntry]
    duration_seconds: float
    worker: str
    table: NotRequired[str]
    facts: NotRequired[dict[str, object]]


class TableEntry(TypedDict):
    """One mapped table and its row counts, where counted."""

    source: str
    target: str
    rows_source: int | None
    rows_target: int | None


class NotProven(TypedDict):
    """Something left out on purpose."""

    object: str
    reason: str


class DeclaredDifference(TypedDict):
    """A difference that migration.toml announces."""

    object: str
    kind: str
    change: str
    reason: str


class ProvisioningStep(TypedDict):
    """One thing done to the target before the load."""

    step: str
    detail: str
    duration_seconds: float


class Timing(TypedDict):
    """How long one phase took."""

    phase: str
    duration_seconds: float


class Document(TypedDict):
    """The whole of verdict.json."""

    format: int
    verdict: VerdictName
    reasons: list[str]
    migration: Migration
    run: Run
    source: Side
    target: Side
    coverage: Coverage
    checks: list[CheckInfo]
    results: list[ResultEntry]
    tables: list[TableEntry]
    not_proven: list[NotProven]
    declared_differences: list[DeclaredDifference]
    provisioning: list[ProvisioningStep]
    timings: list[Timing]
    evidence: dict[str, str]


def validate(document: Mapping[str, object]) -> Document:
    """The same document, typed; an error names every place that has another shape.

    Keys that format 1 does not know are let through: a newer suite may add some.
    """
    if document.get("format") != FORMAT:
        found = document.get("format")
        raise PgCutoverError(
            f"verdict document: expected format {FORMAT}, found {found!r}; "
            "use the pgcutover version that wrote it"
        )
    problems = list(_problems(document, Document, "verdict document"))
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise PgCutoverError("; ".join(problems[:5]) + more)
    return cast("Document", document)


def _problems(value: object, hint: object, where: str) -> Iterator[str]:
    origin, args = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        yield from _table_problems(value, cast("type", hint), where)
    elif origin in (list, dict):
        yield from _many_problems(value, cast("type", origin), args[-1], where)
    elif not _is_one_of(value, args if origin in (UnionType, Literal) else (hint,)):
        yield f"{where}: expected {_words(hint)}, found {type(value).__name__}"


def _table_problems(value: object, cls: type, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: expected a table, found {type(value).__name__}"
        return
    for key, hint in get_type_hints(cls).items():
        if key in value:
            yield from _problems(value[key], hint, f"{where}: {key}")
        elif key in cls.__required_keys__:  # type: ignore[attr-defined]  # every TypedDict has it
            yield f"{where}: {key} is missing"


def _many_problems(value: object, kind: type, inner: object, where: str) -> Iterator[str]:
    if not isinstance(value, (list, tuple) if kind is list else Mapping):
        yield f"{where}: expected a {kind.__name__}, found {type(value).__name__}"
        return
    items = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
    for key, item in items:
        yield from _problems(item, inner, f"{where}[{key}]")


def _is_one_of(value: object, allowed: tuple[object, ...]) -> bool:
    return any(_is(value, one) for one in allowed)


def _is(value: object, one: object) -> bool:
    if not isinstance(one, type):
        return isinstance(value, str) and value == one
    if one is not object and isinstance(value, bool):
        return one is bool
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, (int, float) if one is float else one)


def _words(hint: object) -> str:
    names = [
        "null" if one is NoneType else one.__name__ if isinstance(one, type) else repr(one)
        for one in get_args(hint) or (hint,)
    ]
    return " or ".join(names)


def read_verdict(path: Path) -> Document:
    """The document in a verdict.json."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PgCutoverError(f"verdict document {path}: cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise PgCutoverError(f"verdict document {path}: expected a table, found {raw!r:.60}")
    return validate(raw)


def write_verdict(document: Mapping[str, object], path: Path) -> Path:
    """verdict.json at `path`, whole or not at all, readable by everybody (it holds no secret)."""
    return _write_atomically(verdict_bytes(validate(document)), path)


def verdict_bytes(document: Document) -> bytes:
    """What verdict.json holds; the sign-off page prints the SHA-256 of the same bytes."""
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PgCutoverError(f"verdict document: cannot be written as JSON: {error}") from error
    return f"{text}\n".encode("utf-8", "backslashreplace")


def write_text_atomically(text: str, path: Path) -> Path:
    """The text at `path`; an earlier file stays as it was unless the new one is complete."""
    return _write_atomically(text.encode("utf-8", "backslashreplace"), path)


def _write_atomically(data: bytes, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise PgCutoverError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
