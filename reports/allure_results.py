"""Allure result files, written from a verdict document."""

import json
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pgcutover.errors import PgCutoverError
from pgcutover.reports.findings import MAX_FINDINGS_A_RESULT, evidence_lines
from pgcutover.reports.summary import summarise
from pgcutover.reports.words import claim, known, visible
from pgcutover.text.redact import without_passwords
from pgcutover.verdict_json.document import CheckInfo, Document, Hole, ResultEntry

STATUS = {"PASS": "passed", "FAIL": "failed", "UNKNOWN": "unknown"}
WITHHELD = "[withheld: it contained a secret]"
_NAMESPACE = uuid.UUID("6f0f3c5e-6f7a-5f0e-9d8b-1c2d3e4f5a6b")


def labels(migration: str, stage: str, check_id: str) -> dict[str, str]:
    """Return how a result is grouped: migration, then stage, then check."""
    return {"epic": migration, "feature": stage, "story": check_id}


def write_results(document: Document, results_dir: Path, secrets: Collection[str] = ()) -> int:
    """Write one file for each result, also for missing ones; return their number."""
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
        yield _entry(document, check, _missing(hole, check), number)


def _missing(hole: Hole, check: CheckInfo | None) -> ResultEntry:
    return ResultEntry(
        check_id=hole.check_id,
        object=hole.object,
        stage=check.stage if check else "",
        verdict="UNKNOWN",
        message="this result was expected and is missing",
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
        if finding.remedy is not None:
            lines.append(f"    what to do: {finding.remedy.action}")
            lines += [f"    run: {finding.remedy.command}"] if finding.remedy.command else []
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


def _forms(secrets: Collection[str]) -> tuple[str, ...]:
    """Return the forms of each secret in a text: plain, quoted for a URL, JSON or Python."""
    every = {s for s in secrets if s}
    for secret in tuple(every):
        every |= {quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return tuple(sorted(every))


def _holds_secret(text: str, forms: tuple[str, ...]) -> bool:
    return any(form in text for form in forms) or without_passwords(text) != text


class _Secrets:
    """Replaces every text of a result that holds a secret."""

    def __init__(self, forms: tuple[str, ...]) -> None:
        self._forms = forms

    def clean(self, value: Any) -> Any:
        """Return the value with a notice in place of such texts."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        if isinstance(value, dict):
            return {self._text(key): self.clean(item) for key, item in value.items()}
        return value

    def _text(self, text: str) -> str:
        return WITHHELD if _holds_secret(text, self._forms) else text
