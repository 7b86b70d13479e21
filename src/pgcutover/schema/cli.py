"""`pgcutover schema`: take a database's schema, compare two, print what would mend one."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.catalog import read_manifest
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.connect import open_side
from pgcutover.errors import ConfigError, UnreadableError
from pgcutover.schema.collect import EVERY_KIND, take_schema
from pgcutover.schema.compare import Difference, differences
from pgcutover.schema.diff_text import shown, summed_up
from pgcutover.schema.fix.script import Mender
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.severity import Severity
from pgcutover.schema.snapshot import take
from pgcutover.schema.snapshot_file import load, save
from pgcutover.schema.stage import SchemaStage

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIRST_LINES = (
    "-- what would make the target as it should be: read it, decide, and run it yourself",
    "set check_function_bodies = off;",  # they may name what is made later
)
_MAINTAIN_SINCE = 17
_SIDE = "a snapshot's file, or the name of an environment variable that holds a DSN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its subcommands; each sets `run`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    taking = commands.add_parser("snapshot", help="save a database's schema as JSON")
    taking.add_argument("variable", help="the environment variable that holds its DSN")
    taking.add_argument("--out", type=Path, required=True, metavar="FILE")
    taking.set_defaults(run=_snapshot)
    comparing = commands.add_parser(
        "diff", help="compare two schemas, or a migration's target with what it should be"
    )
    comparing.add_argument("sides", nargs="*", metavar="A B", help=f"each {_SIDE}")
    comparing.add_argument("--migration", type=Path, metavar="FILE", help="instead of A and B")
    comparing.set_defaults(run=_diff)
    mending = commands.add_parser(
        "fix", help="print the SQL that would make the target as it should be; never runs it"
    )
    mending.add_argument("sides", nargs="*", metavar="A B", help=f"each {_SIDE}; B is mended")
    mending.add_argument("--migration", type=Path, metavar="FILE", help="instead of A and B")
    mending.add_argument("--print", action="store_true", dest="only_print")
    mending.set_defaults(run=_fix)


def _snapshot(arguments: argparse.Namespace) -> int:
    snapshot = _taken(arguments.variable)
    save(snapshot, arguments.out)
    for kind, why in snapshot.unread.items():
        _say(f"not read: {kind}: {why}")
    _say(f"{len(snapshot.objects)} objects of database {snapshot.database} in {arguments.out}")
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    wrong, troubles, _, names = _compared(arguments)
    for line in shown(wrong, *names):
        sys.stdout.write(f"{line}\n")
    return _ended(wrong, troubles) or int(any(d.severity is Severity.BLOCK for d in wrong))


def _fix(arguments: argparse.Namespace) -> int:
    if not arguments.only_print:
        raise ConfigError(
            "pgcutover schema fix changes no database; add --print to see the SQL, read it, and "
            "run it yourself"
        )
    wrong, troubles, expected, _ = _compared(arguments)
    script = Mender(expected).script(wrong)
    for line in (*(_FIRST_LINES if script else ()), *script):
        sys.stdout.write(f"{line}\n")
    return _ended(wrong, troubles)


def _ended(wrong: Sequence[Difference], troubles: Sequence[str]) -> int:
    """Say what was found; 3 where something could not be compared."""
    for trouble in troubles:
        _say(trouble)
    _say(summed_up(wrong) if wrong or not troubles else "no difference in what could be compared")
    return 3 if troubles else 0


def _compared(
    arguments: argparse.Namespace,
) -> tuple[list[Difference], list[str], Snapshot, tuple[str, str]]:
    """What differs, what could not be compared and why, what is expected, the sides' names."""
    if arguments.migration is not None and not arguments.sides:
        return *_of_migration(load_settings(arguments.migration)), ("expected schema", "target")
    if arguments.migration is not None or len(arguments.sides) != 2:
        raise ConfigError(
            f"expected two sides to compare, each {_SIDE}, or --migration FILE, found "
            f"{len(arguments.sides)} sides{' and --migration' if arguments.migration else ''}"
        )
    one, other = arguments.sides
    expected = _side(one)
    return *_of_snapshots(expected, _side(other)), expected, (one, other)


def _of_snapshots(one: Snapshot, other: Snapshot) -> tuple[list[Difference], list[str]]:
    majors = [s.server_version // 10_000 for s in (one, other)]
    if majors[0] != majors[1]:
        _say(
            f"note: PostgreSQL {majors[0]} and {majors[1]} word some definitions differently, and "
            "that is shown as a difference; `diff --migration` compares on one major"
        )
    if min(majors) < _MAINTAIN_SINCE <= max(majors):
        one, other = _without_maintain(one), _without_maintain(other)
    common = [kind for kind in one.kinds if kind in other.kinds]
    left = sorted(set(one.kinds) ^ set(other.kinds))
    if left:
        _say(f"note: not compared, because only one snapshot has them: {', '.join(left)}")
    found: list[Difference] = []
    troubles: list[str] = []
    for kind in common:
        try:
            found += differences(one, other, [kind])
        except UnreadableError as error:
            troubles.append(f"not compared: {error}")
    return found, troubles


def _without_maintain(snapshot: Snapshot) -> Snapshot:
    """A right of 17 that every owner has there, and nobody before."""

    def older(thing: SchemaObject) -> SchemaObject:
        rights = thing.facts.get("privileges")
        if not isinstance(rights, list):
            return thing
        kept = [right for right in rights if right.rstrip("*") != "MAINTAIN"]
        return replace(thing, facts={**thing.facts, "privileges": kept})

    return replace(snapshot, objects=tuple(map(older, snapshot.objects)))


def _of_migration(settings: Settings) -> tuple[list[Difference], list[str], Snapshot]:
    source, target = (_dsn(_variable(each.dsn_env)) for each in (settings.source, settings.target))
    with open_side("source", source) as one, open_side("target", target) as other:
        manifest = read_manifest(one, other, load_rules(settings))
    folder, scratch = settings.schema.scripts, settings.schema.scratch_dsn_env
    taken = take_schema(
        source,
        target,
        manifest,
        settings.resolve(folder) if folder else None,
        os.environ.get(scratch) if scratch else None,
        _say,
    )
    expected = taken.snapshots.get("expected", taken.snapshots["source"])
    return *SchemaStage(taken.evidence).everything(), expected


def _side(named: str) -> Snapshot:
    if _VARIABLE.fullmatch(named) and (named in os.environ or not Path(named).is_file()):
        return _taken(named)
    return load(Path(_no_dsn(named)))


def _taken(named: str) -> Snapshot:
    with open_side(named, _dsn(_variable(named))) as session:
        return take(session, EVERY_KIND)


def _variable(named: str) -> str:
    if not _VARIABLE.fullmatch(named):
        raise ConfigError(
            "expected the name of an environment variable that holds a DSN, found something else; "
            "never write a DSN on the command line, where every user of the machine can read it"
        )
    return named


def _dsn(variable: str) -> str:
    dsn = os.environ.get(variable)
    if not dsn:
        raise ConfigError(
            f"the environment variable {variable} is not set; expected it to hold a DSN"
        )
    return dsn


def _no_dsn(named: str) -> str:
    """A DSN on the command line is refused before anything repeats it."""
    try:
        is_dsn = bool(conninfo_to_dict(named))
    except psycopg.Error:
        is_dsn = "://" in named or "password" in named
    if is_dsn:
        _variable(named)
    return named


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
