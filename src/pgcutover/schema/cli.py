"""`pgcutover schema`: save a database's schema, compare two, print the SQL that fixes one."""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.config.dsn import read_dsn, require_dsn
from pgcutover.connect import open_side
from pgcutover.errors import ConfigError, UnreadableError
from pgcutover.schema.collect import EVERY_KIND, collect_schema
from pgcutover.schema.compare import Difference, concerns_role, differences
from pgcutover.schema.diff_text import shown, summed_up
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.evidence_file import load_evidence
from pgcutover.schema.explained.source_faults import source_warnings, without_faults
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.severity import Severity
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.snapshot_file import load, save
from pgcutover.schema.stage import SchemaStage
from pgcutover.schema.state.checker import SchemaState
from pgcutover.verdict import Finding

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIRST_LINES = (
    "-- SQL that makes the target as expected: read it, decide, and run it yourself",
    "set check_function_bodies = off;",  # a function may name an object that is created later
)
_MAINTAIN_SINCE = 17
_NO_STATE = (
    "note: positions of sequences and contents of materialized views are in no snapshot; "
    "`--migration FILE` compares them"
)
_SIDE = "a snapshot's file, or the name of an environment variable that holds a DSN"


@dataclass(frozen=True, slots=True)
class _Compared:
    """Differences of two schemas, and notes; `undecided` says what could not be compared, and why.

    `state` are findings about contents, which no snapshot holds: positions of sequences and
    materialized views.
    """

    expected: Snapshot
    differences: list[Difference]
    undecided: list[str]
    names: tuple[str, str]
    state: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands; each sets `run`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    snapshot = commands.add_parser("snapshot", help="save a database's schema as JSON")
    snapshot.add_argument("variable", help="the environment variable that holds its DSN")
    snapshot.add_argument("--out", type=Path, required=True, metavar="FILE")
    snapshot.set_defaults(run=_snapshot)
    diff = commands.add_parser(
        "diff", help="compare two schemas, or a migration's target with its expected schema"
    )
    diff.add_argument("sides", nargs="*", metavar="A B", help=f"each {_SIDE}")
    diff.add_argument("--migration", type=Path, metavar="FILE", help="instead of A and B")
    diff.set_defaults(run=_diff)
    fix = commands.add_parser(
        "fix", help="print the SQL that makes the target as expected; it is never run"
    )
    fix.add_argument("sides", nargs="*", metavar="A B", help=f"each {_SIDE}; the SQL is for B")
    fix.add_argument("--migration", type=Path, metavar="FILE", help="instead of A and B")
    fix.add_argument("--print", action="store_true", help=argparse.SUPPRESS)  # the default
    fix.set_defaults(run=_fix)


def _snapshot(arguments: argparse.Namespace) -> int:
    snapshot = _read(arguments.variable)
    save(snapshot, arguments.out)
    for kind, why in snapshot.unread.items():
        _say(f"not read: {kind}: {why}")
    for why in snapshot.lock_causes():
        _say(f"not read everywhere: {why}")
    _say(f"{len(snapshot.objects)} objects of database {snapshot.database} in {arguments.out}")
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    compared = _compare(arguments)
    for line in shown(compared.differences, *compared.names):
        sys.stdout.write(f"{line}\n")
    for problem in compared.state:
        sys.stdout.write(f"@@ {problem.message} @@\n")
    is_blocked = any(d.severity is Severity.BLOCK for d in compared.differences)
    return _end(compared) or int(is_blocked or bool(compared.state))


def _fix(arguments: argparse.Namespace) -> int:
    compared = _compare(arguments)
    script = FixScript(compared.expected).script(compared.differences)
    script += list(dict.fromkeys(_state_fix(problem) for problem in compared.state))
    for line in (*(_FIRST_LINES if script else ()), *script):
        sys.stdout.write(f"{line}\n")
    return _end(compared)


def _state_fix(problem: Finding) -> str:
    """Return the statement that a finding about contents carries, or the finding as a comment."""
    if statement := problem.evidence.get("fix"):
        return f"{statement};"
    return f"-- {problem.message}"


def _end(compared: _Compared) -> int:
    """Print notes and the summary; return 3 where something could not be compared."""
    for line in (*compared.notes, *compared.undecided):
        _say(line)
    problems = len(compared.state)
    if compared.differences or problems:
        _say(summed_up(compared.differences, problems))
    else:
        undecided = " in what could be compared" if compared.undecided else ""
        _say(f"no difference{undecided}")
    return 3 if compared.undecided else 0


def _compare(arguments: argparse.Namespace) -> _Compared:
    if arguments.migration is not None and not arguments.sides:
        return _of_migration(load_settings(arguments.migration))
    if arguments.migration is not None or len(arguments.sides) != 2:
        raise ConfigError(
            f"expected two sides to compare, each {_SIDE}, or --migration FILE, found "
            f"{len(arguments.sides)} sides{' and --migration' if arguments.migration else ''}"
        )
    one, other = arguments.sides
    if (evidence := load_evidence(Path(one), Path(other))) and evidence.expected:
        compared = _of_evidence(evidence, evidence.expected, (one, other))
        if not compared.differences:
            compared.notes.append(_NO_STATE)
        return compared
    return _of_snapshots(_side(one), _side(other), (one, other))


def _of_snapshots(expected: Snapshot, found: Snapshot, names: tuple[str, str]) -> _Compared:
    majors = [s.server_version // 10_000 for s in (expected, found)]
    if min(majors) < _MAINTAIN_SINCE <= max(majors):
        expected, found = _without_maintain(expected), _without_maintain(found)
    common = [kind for kind in expected.kinds if kind in found.kinds]
    compared = _Compared(expected, [], [], names)
    if left := sorted(set(expected.kinds) ^ set(found.kinds)):
        compared.notes.append(
            f"note: not compared, because only one snapshot has them: {', '.join(left)}"
        )
    compared.notes.extend(f"warning: {text}" for text in source_warnings(expected, common))
    faultless, roles = without_faults(expected, found), (expected.own_role, found.own_role)
    for kind in common:
        try:
            of_kind = differences(faultless, found, [kind])
        except UnreadableError as error:
            compared.undecided.append(f"not compared: {error}")
        else:
            compared.differences.extend(d for d in of_kind if not concerns_role(d, roles))
    causes = dict.fromkeys((*expected.lock_causes(), *found.lock_causes()))
    compared.undecided.extend(f"not compared everywhere: {cause}" for cause in causes)
    if majors[0] != majors[1]:
        _leave_out_queries(compared, majors)
    if not compared.differences:
        compared.notes.append(_NO_STATE)
    return compared


def _leave_out_queries(compared: _Compared, majors: Sequence[int]) -> None:
    """Drop differences of views' queries: majors print one query differently."""
    kept, left = [], []
    for each in compared.differences:
        is_view = each.object.kind in ("view", "materialized_view")
        rest = each.about((), ("query",) if is_view else ())
        kept += [rest] if rest is not None else []
        left += [each.object.name] if rest != each else []
    compared.differences[:] = kept
    if left:
        compared.notes.append(
            f"warning: queries of views printed by PostgreSQL {majors[0]} and {majors[1]}, not "
            f"compared: {', '.join(left)}; `--migration FILE` compares them on one major"
        )


def _without_maintain(snapshot: Snapshot) -> Snapshot:
    """Remove a privilege that every owner has since 17, and that did not exist before."""

    def older(each: SchemaObject) -> SchemaObject:
        privileges = each.facts.get("privileges")
        if not isinstance(privileges, list):
            return each
        kept = [p for p in privileges if p.rstrip("*") != "MAINTAIN"]
        return replace(each, facts={**each.facts, "privileges": kept})

    return replace(snapshot, objects=tuple(map(older, snapshot.objects)))


def _of_migration(settings: Settings) -> _Compared:
    source, target = (require_dsn(each.dsn_env) for each in (settings.source, settings.target))
    with open_side("source", source) as one, open_side("target", target) as other:
        manifest = read_manifest(one, other, load_rules(settings))
    folder, scratch = settings.schema.scripts, settings.schema.scratch_dsn_env
    taken = collect_schema(
        source,
        target,
        manifest,
        settings.resolve(folder) if folder else None,
        read_dsn(scratch),
        _say,
        settings.differences,
    )
    expected = taken.snapshots.get("expected", taken.snapshots["source"])
    compared = _of_evidence(taken.evidence, expected, ("expected schema", "target"))
    compared.state.extend(_state(source, target, taken.evidence, manifest, compared.undecided))
    return compared


def _of_evidence(evidence: SchemaEvidence, expected: Snapshot, names: tuple[str, str]) -> _Compared:
    """Compare as the schema checks do, without explained and declared differences."""
    found, undecided = SchemaStage(evidence).everything()
    notes = [f"warning: {t}" for t in source_warnings(evidence.source, expected.kinds)]
    return _Compared(expected, found, undecided, names, [], notes)


def _state(
    source: str, target: str, evidence: SchemaEvidence, manifest: Manifest, undecided: list[str]
) -> Iterator[Finding]:
    """Yield findings about sequences and materialized views."""
    state = SchemaState(source, target, evidence, manifest.tables)
    for check in (state.sequences, state.materialized_views):
        try:
            yield from check().findings()
        except UnreadableError as error:
            undecided.append(f"not compared: {error}")


def _side(named: str) -> Snapshot:
    if _VARIABLE.fullmatch(named) and (named in os.environ or not Path(named).is_file()):
        return _read(named)
    return load(Path(_no_dsn(named)))


def _read(named: str) -> Snapshot:
    with open_side(named, require_dsn(_variable(named))) as session:
        return collect_snapshot(session, EVERY_KIND)


def _variable(named: str) -> str:
    if not _VARIABLE.fullmatch(named):
        raise ConfigError(
            "expected the name of an environment variable that holds a DSN, found something else; "
            "never write a DSN on the command line, where every user of the machine can read it"
        )
    return named


def _no_dsn(named: str) -> str:
    """Refuse a DSN on the command line before anything repeats it."""
    try:
        is_dsn = bool(conninfo_to_dict(named))
    except psycopg.Error:
        is_dsn = "://" in named or "password" in named
    if is_dsn:
        _variable(named)
    return named


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
