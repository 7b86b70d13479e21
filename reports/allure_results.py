"""Allure result files: written from a verdict document, or cleaned of what must not be shown."""

import builtins
import json
import re
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg.errors

from pgcutover.errors import PgCutoverError
from pgcutover.redact import without_passwords
from pgcutover.reports.findings import MAX_FINDINGS_A_RESULT, evidence_lines
from pgcutover.reports.summary import summarise
from pgcutover.reports.words import claim, known, visible
from pgcutover.verdict_document import CheckInfo, Document, Hole, ResultEntry

STATUS = {"PASS": "passed", "FAIL": "failed", "UNKNOWN": "unknown"}
WITHHELD = "[withheld: it held a secret]"
NO_TRACE = "[withheld: a traceback may show values; see the log of the run]"
_NAMESPACE = uuid.UUID("6f0f3c5e-6f7a-5f0e-9d8b-1c2d3e4f5a6b")
_PLAIN_FILES = {"environment.properties", "executor.json", "categories.json"}
# pytest's introspection below an assertion's own message prints the operands
_INTROSPECTION = re.compile(r"(\n|(?<=^AssertionError: ))assert .*", re.S)


def labels(migration: str, stage: str, check_id: str) -> dict[str, str]:
    """How a result is grouped: migration, then stage, then check."""
    return {"epic": migration, "feature": stage, "story": check_id}


def write_results(document: Document, results_dir: Path, secrets: Collection[str] = ()) -> int:
    """One result file an answer, also for answers that never came; returns how many."""
    cleaner = _Secrets(_forms(secrets))
    entries = [cleaner.clean(entry) for entry in _entries(document)]
    try:
        results_dir.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            path = results_dir / f"{entry['uuid']}-result.json"
            path.write_text(json.dumps(entry), encoding="utf-8")
        facts = "\n".join(f"{key} = {cleaner.clean(text)}" for key, text in _facts(document))
        (results_dir / "environment.properties").write_text(f"{facts}\n", encoding="utf-8")
    except OSError as error:
        raise PgCutoverError(f"cannot write {results_dir}: {error.strerror}") from error
    return len(entries)


def _facts(document: Document) -> Iterator[tuple[str, str]]:
    migration, run = document.migration, document.run
    yield "verdict", summarise(document).verdict
    yield "rehearsal", known(migration.rehearsal)
    if migration.sabotage is not None:
        yield "sabotage", _one_line(migration.sabotage)
    yield "run", _one_line(run.id)
    yield "source", _one_line(f"PostgreSQL {known(document.source.server_version)}")
    yield "target", _one_line(f"PostgreSQL {known(document.target.server_version)}")
    yield "pgcutover", _one_line(migration.suite_version)


def _one_line(text: str) -> str:
    return str(visible(" ".join(text.split()))).encode("ascii", "backslashreplace").decode()


def _entries(document: Document) -> Iterator[dict[str, object]]:
    checks = {c.id: c for c in document.checks}
    for number, result in enumerate(document.results):
        yield _entry(document, checks.get(result.check_id), result, number)
    for number, hole in enumerate(document.coverage.holes, len(document.results)):
        check = checks.get(hole.check_id)
        yield _entry(document, check, _never_came(hole, check), number)


def _never_came(hole: Hole, check: CheckInfo | None) -> ResultEntry:
    return ResultEntry(
        check_id=hole.check_id,
        object=hole.object,
        stage=check.stage if check else "",
        verdict="UNKNOWN",
        message="this answer was expected and never came",
        findings=[],
        duration_seconds=0.0,
        worker="",
    )


def _entry(
    document: Document, check: CheckInfo | None, result: ResultEntry, number: int
) -> dict[str, object]:
    identity = f"{result.check_id}[{result.object}]"
    name = document.migration.name
    # a millisecond apart, so that the report keeps the document's order
    start = _milliseconds(document.run.started_at) + number
    grouped = labels(name, result.stage, result.check_id) | {"thread": result.worker}
    return {
        "uuid": str(uuid.uuid5(_NAMESPACE, f"{document.run.id} {number} {identity}")),
        "historyId": uuid.uuid5(_NAMESPACE, f"{name} {identity}").hex,
        "testCaseId": uuid.uuid5(_NAMESPACE, f"{name} {identity}").hex,
        "fullName": visible(f"{name}.{identity}"),
        "name": visible(identity),
        "status": STATUS[result.verdict],
        "statusDetails": {"message": visible(result.message), "trace": _findings(result)},
        "description": _description(check),
        "labels": [{"name": key, "value": visible(value)} for key, value in grouped.items()],
        "start": start,
        "stop": start + round(result.duration_seconds * 1000),
    }


def _milliseconds(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return 0


def _findings(result: ResultEntry) -> str:
    lines: list[str] = []
    for finding in result.findings[:MAX_FINDINGS_A_RESULT]:
        lines.append(f"{finding.kind} in {finding.object}: {finding.message}")
        lines += [f"    {line}" for line in evidence_lines(finding.evidence)]
    hidden = len(result.findings) - MAX_FINDINGS_A_RESULT
    if hidden > 0:
        lines.append(f"and {hidden:,} more findings in verdict.json")
    return str(visible("\n".join(lines)))


def _description(check: CheckInfo | None) -> str:
    if check is None:
        return ""
    parts = {
        "Fails when": check.fails_when,
        "Cannot see": check.cannot_see,
        "Needs": check.needs,
        "Costs": check.costs,
    }
    told = [f"**{head}** {' '.join(text.split())}" for head, text in parts.items() if text]
    return "\n\n".join([claim(check.title), *told])


def scrub_results(results_dir: Path, secrets: Collection[str]) -> int:
    """Clean what allure-pytest wrote, for sharing; returns how many texts held a secret.

    Fails closed. Tracebacks go, since pytest prints the arguments of functions in them; so do
    attachments, captured output among them, and the messages of errors that are not ours, since
    PostgreSQL quotes row values in its own. A file that cannot be understood is removed.
    """
    forms = _forms(secrets)
    found = 0
    for path in sorted(results_dir.rglob("*")):
        if path.is_symlink():
            path.unlink()
        elif path.is_file():
            found += _scrub_file(path, forms)
    return found


def _forms(secrets: Collection[str]) -> tuple[str, ...]:
    """Each secret as it may stand in a text: plain, quoted for a URL, JSON or Python."""
    every = {s for s in secrets if s}
    for secret in tuple(every):
        every |= {quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return tuple(sorted(every))


def _scrub_file(path: Path, forms: tuple[str, ...]) -> int:
    data = path.read_bytes()
    if path.name.endswith(("-result.json", "-container.json")):
        return _scrub_json(path, data, forms)
    found = _holds_secret(data.decode("utf-8", "replace"), forms)
    if found or path.name not in _PLAIN_FILES:
        path.unlink()
    return int(found)


def _scrub_json(path: Path, data: bytes, forms: tuple[str, ...]) -> int:
    cleaner = _Foreign(forms)
    try:
        text = json.dumps(cleaner.clean(json.loads(data)))
    except (ValueError, RecursionError):
        text = ""
    if not text or _holds_secret(text, forms):
        path.unlink()
        return max(1, cleaner.found)
    path.write_text(text, encoding="utf-8")
    return cleaner.found


def _holds_secret(text: str, forms: tuple[str, ...]) -> bool:
    return any(form in text for form in forms) or without_passwords(text) != text


class _Secrets:
    """Walks one result and withholds, and counts, every text that holds a secret."""

    def __init__(self, forms: tuple[str, ...]) -> None:
        self._forms = forms
        self.found = 0

    def clean(self, value: Any) -> Any:
        """The value with a notice in the place of such texts."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        if isinstance(value, dict):
            return {self._text(key): self._item(key, item) for key, item in value.items()}
        return value

    def _item(self, _key: str, item: Any) -> Any:
        return self.clean(item)

    def _text(self, text: str) -> str:
        if not _holds_secret(text, self._forms):
            return text
        self.found += 1
        return WITHHELD


class _Foreign(_Secrets):
    """The same for results that we did not write: no traceback, attachment or foreign message."""

    def _item(self, key: str, item: Any) -> Any:
        cleaned = self.clean(item)
        if key == "attachments":
            return []
        if key != "statusDetails":
            return cleaned
        if not isinstance(cleaned, dict):
            return None
        return {name: _withheld(name, text) for name, text in cleaned.items()}


def _withheld(name: str, text: Any) -> Any:
    if name == "trace" and text:
        return NO_TRACE
    return _tellable(text) if name == "message" and isinstance(text, str) else text


def _tellable(message: str) -> str:
    """The message, if it is an assertion's or one of our errors'; else only the error's class."""
    kind = message.partition(":")[0].strip().rpartition(".")[2]
    if message == WITHHELD or kind in _our_errors():
        return _INTROSPECTION.sub("", message).strip() or "AssertionError"
    is_known = hasattr(builtins, kind) or hasattr(psycopg.errors, kind)
    return f"{kind if is_known else 'an error'}: its message is withheld, it may show values"


def _our_errors() -> set[str]:
    names, waiting = {"AssertionError", "Skipped"}, [PgCutoverError]
    while waiting:
        error = waiting.pop()
        names.add(error.__name__)
        waiting += error.__subclasses__()
    return names
