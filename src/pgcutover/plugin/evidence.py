"""Writes the files of a run: verdict.json, manifest, sign-off page, Allure report."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict

from pgcutover import __version__
from pgcutover.checking.coverage import Judgement
from pgcutover.config.differences import DeclaredDifference
from pgcutover.context import RunContext
from pgcutover.errors import ConfigError, PgCutoverError
from pgcutover.ledger.identity import read_identity
from pgcutover.plugin.gate_state import GateState
from pgcutover.plugin.ledger_entry import describe_ledgers
from pgcutover.plugin.not_proven import list_not_proven, to_plain
from pgcutover.plugin.run_folder.retention import RUN_FILES, remove_old_runs
from pgcutover.plugin.scheduling import table_of
from pgcutover.verdict import Result, Verdict

if TYPE_CHECKING:
    from pgcutover.verdict_json.document import Document


@dataclass(frozen=True, slots=True)
class Written:
    """The written files; `troubles` are the reasons why a page was not made."""

    verdict: Path
    html: Path | None
    allure: Path | None
    troubles: tuple[str, ...]


def prepare_folder(out: Path) -> None:
    """Create the folder, and remove files of an earlier run: this one may not even start."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path in (*(out / name for name in RUN_FILES), *_snapshots(out), *_of_stages(out)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--out {out}: {error.strerror}; name a folder that can be written"
        ) from error


def _snapshots(out: Path) -> list[Path]:
    """Return the snapshots of both schemas and of the expected one."""
    return sorted((out / "schema").glob("*.json"))


def _of_stages(out: Path) -> list[Path]:
    """Return the verdicts of runs of one stage."""
    return sorted(out.glob("*-verdict.json"))


def write(gate: GateState, context: RunContext, judgement: Judgement) -> Written:
    """Write all evidence; raise an error where verdict.json cannot be written.

    A page that cannot be made is a note on the terminal and changes no verdict. A run of one stage
    writes STAGE-verdict.json without a seal: under that name no cutover opens.
    """
    from pgcutover.verdict_json.document import validate
    from pgcutover.verdict_json.file import write_verdict
    from pgcutover.verdict_json.seal import write_seal

    out = gate.options.out
    manifest = out / "manifest.json"
    manifest.write_text(context.manifest.to_json(), "utf-8")
    document = validate(build_document(gate, context, judgement, [manifest, *_snapshots(out)]))
    stage = gate.options.stage
    verdict = out / (f"{stage}-verdict.json" if stage else "verdict.json")
    write_verdict(document, verdict)
    if stage:
        return Written(verdict, None, None, ())
    if gate.options.key_secret is not None:
        write_seal(verdict, gate.options.key_secret)
    troubles: list[str] = []
    html = _page(troubles, "the sign-off page", lambda: _html(document, out))
    allure = _page(troubles, "the Allure report", lambda: _allure(gate, context, document))
    _point_latest(out)
    remove_old_runs(out, context.settings.report.keep_runs)
    return Written(verdict, html, allure, tuple(troubles))


def build_document(
    gate: GateState, context: RunContext, judgement: Judgement, evidence: list[Path]
) -> dict[str, Any]:
    """Return the content of verdict.json; docs/verdict-json.md describes it."""
    return {
        "format": 2,
        "verdict": judgement.verdict.name,
        "reasons": list(judgement.reasons),
        "migration": _migration(gate, context),
        "run": _run(gate, context, judgement),
        "source": _side(context.manifest.source),
        "target": _side(context.manifest.target),
        "key_secret_id": gate.options.key_secret.id if gate.options.key_secret else None,
        "ledger": describe_ledgers(None if context.rehearsal else read_identity(context.settings)),
        "coverage": _coverage(gate, context, judgement),
        "checks": [_check(check) for check in gate.checks],
        "not_asked": [asdict(each) for each in gate.plan.not_asked],
        "results": [gate.commands.plain(r) for r in judgement.results],
        "tables": _tables(context, judgement),
        "not_proven": to_plain(list_not_proven(context)),
        "declared_differences": [_declared(d) for d in context.settings.differences],
        "provisioning": gate.journal.steps,
        "timings": gate.journal.timings,
        "evidence": {
            p.relative_to(gate.options.out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in evidence
        },
    }


def _migration(gate: GateState, context: RunContext) -> dict[str, Any]:
    settings = context.settings
    return {
        "name": settings.name,
        "config_sha256": settings.config_sha256,
        "suite_version": __version__,
        "rehearsal": context.rehearsal,
        "sabotage": gate.options.sabotage,
        "mover": settings.mover.name,
    }


def _run(gate: GateState, context: RunContext, judgement: Judgement) -> dict[str, Any]:
    now = datetime.now(UTC)
    seconds = gate.journal.elapsed_seconds
    return {
        "id": gate.options.run_id,
        "started_at": (now - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        "finished_at": now.isoformat(timespec="seconds"),
        "duration_seconds": round(seconds, 1),
        "expires_at": _expiry(gate, context, judgement, now),
        "interrupted": gate.interrupted,
    }


def _declared(difference: DeclaredDifference) -> dict[str, Any]:
    names = ("object", "kind", "change", "property", "reason")
    return {name: getattr(difference, name) for name in names}


def _page(troubles: list[str], what: str, make: Any) -> Path | None:
    try:
        path: Path = make()
    except (PgCutoverError, OSError) as error:
        troubles.append(f"{what} was not made: {error}")
        return None
    except Exception as error:  # a page that fails changes no verdict
        troubles.append(f"{what} was not made: unexpected {type(error).__name__}")
        return None
    return path


def _html(document: "Document", out: Path) -> Path:
    from pgcutover.reports.html import write_html

    return write_html(document, out / "signoff.html")


def _allure(gate: GateState, context: RunContext, document: "Document") -> Path:
    from pgcutover.reports.allure import allure_report

    secrets = [
        password for dsn in (context.source_dsn, context.target_dsn) if (password := _pw(dsn))
    ]
    return allure_report(document, gate.options.out / "allure.html", gate.journal.say, secrets)


def _pw(dsn: str) -> str:
    return str(conninfo_to_dict(dsn).get("password") or "")


def _side(facts: Any) -> dict[str, Any]:
    names = ("server_version", "system_identifier", "database", "lsn", "tls")
    return {name: getattr(facts, name) for name in names}


def _expiry(
    gate: GateState, context: RunContext, judgement: Judgement, now: datetime
) -> str | None:
    """Return when a PASS expires; None for a run that opens no cutover."""
    exercise = context.rehearsal or gate.options.sabotage is not None or context.stage
    if exercise or judgement.verdict is not Verdict.PASS:
        return None
    hours = timedelta(hours=context.settings.report.valid_hours)
    return (now + hours).isoformat(timespec="seconds")


def _coverage(gate: GateState, context: RunContext, judgement: Judgement) -> dict[str, Any]:
    tables = {str(o): table_of(o) for some in context.objects().values() for o in some}
    return {
        "expected": len(gate.plan.expected),
        "reported": len(gate.plan.expected) - len(judgement.holes),
        "holes": [
            {"check_id": h.check_id, "object": h.object, "table": tables.get(h.object, "")}
            for h in judgement.holes
        ],
        "unexpected": [{"check_id": r.check_id, "object": r.object} for r in judgement.unexpected],
    }


def _check(check: Any) -> dict[str, Any]:
    plain = asdict(check)
    return {key: value for key, value in plain.items() if key not in ("arguments", "only_where")}


def _tables(context: RunContext, judgement: Judgement) -> list[dict[str, Any]]:
    counts = {r.object: r for r in judgement.results if r.check_id == "DATA-COUNTS"}
    return [
        {"source": str(t.source), "target": str(t.target), **_rows(counts.get(str(t.target)))}
        for t in context.manifest.tables
    ]


def _rows(result: Result | None) -> dict[str, Any]:
    facts = result.facts if result is not None else {}
    return {"rows_source": facts.get("rows_source"), "rows_target": facts.get("rows_target")}


def _point_latest(out: Path) -> None:
    latest = out.parent / "latest"
    temporary = out.parent / f".latest-{out.name}"
    temporary.symlink_to(out.name, target_is_directory=True)
    temporary.replace(latest)
