"""Builds the expected schema: the source's, moved by the mapping and the scripts.

A scratch database of the target's major gets the source's dump, then the tables that the dump
leaves out, then the numbered scripts, as provisioning would run them. It is read by the same
queries as the target, so that names and definitions are printed the same way, and neither the
source nor a script explains a difference.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg import sql

from pgcutover.connect import Connection, open_session
from pgcutover.connect.locks import (
    LastingLocks,
    find_lasting_locks,
    find_locked,
    lock_holders,
)
from pgcutover.error_texts.database_errors import describe_locks, explain_error
from pgcutover.errors import PgCutoverError, ProvisionError, UnreadableError
from pgcutover.mapping import MappedTable
from pgcutover.provision.applied_steps import journal
from pgcutover.provision.execute import (
    one_transaction,
    run_batches,
    run_statements,
)
from pgcutover.provision.pg_dump import LOCK_WAIT_SECONDS, SECTIONS, dump_statements
from pgcutover.provision.scripts import read_scripts
from pgcutover.provision.sql_splitter import Statement
from pgcutover.schema.expected.apply_mapping import find_dumped_tables, move
from pgcutover.schema.expected.dumped_partitions import create_as_partitions
from pgcutover.schema.expected.not_created import TOLERATED, NotCreated, find_not_created
from pgcutover.schema.expected.partition_groups import create_in_groups
from pgcutover.schema.expected.scratch_database import connect, scratch_database
from pgcutover.schema.expected.scratch_roles import (
    ROLES,
    act_as,
    create_missing_roles,
    track_new_roles,
)
from pgcutover.schema.expected.unreadable_tables import (
    create_from_catalogs,
    find_unreadable_tables,
)
from pgcutover.schema.kinds import KINDS, constraints, tables, triggers, views
from pgcutover.schema.kinds.roles import DATABASE_SETTINGS, ROLE_SETTINGS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot import collect_snapshot, quoted

Say = Callable[[str], None]
_MISSING_EXTENSION = ("0A000", "58P01", "22023")
_SYNTAX = "42601"
_OWNER = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
_REMEDY = (
    "name a server of the target's major that has what is missing in schema.scratch_dsn_env, or "
    "drop from the source what nobody uses"
)
_RELATIONS = """
select c.oid::int8, format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
# pg_dump leaves these out, except for indexes of partitioned tables
_INVALID_INDEXES = """
select format('%I.%I', n.nspname, x.relname), pg_get_indexdef(x.oid)
from pg_index i
join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
where not (i.indisvalid and i.indisready) and x.relkind = 'i' and not x.relispartition
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_constraint k where k.conindid = x.oid)
"""
_INDEXES = """
select format('%%I.%%I', n.nspname, x.relname)
from pg_class x join pg_namespace n on n.oid = x.relnamespace
where x.oid = any(%s::oid[]) order by 1
"""
# a function in SQL may name a locked table, and pg_dump would wait for it without a limit
LOCKED_DUMP_SECONDS = 300.0
# kinds of objects that a table takes along when it is left out
_OF_RELATIONS = (
    *(kind.name for own in (tables, constraints, views, triggers) for kind in own.KINDS),
    "publication_table", "owner", "grant", "comment", "security_label",
)  # fmt: skip
# what a mover needs on its source is not the application's
_MOVERS_PUBLICATIONS = "select pubname from pg_publication where pubname ~ '^(awsdms|pgcutover)'"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Sources of the expected schema."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    target_major: int
    target_database: str
    target_encoding: str
    tables: Sequence[MappedTable]
    scripts: Path | None = None
    scratch_dsn: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Dump:
    """The source's dump, the tables without privileges that it lacks, and the locked ones."""

    statements: list[Statement]
    unreadable: tuple[str, ...]
    locks: LastingLocks


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected schema; `moved` maps each relation of the source to its name there, if any.

    `invalid` are the source's INVALID indexes, which no dump carries, by their names there.

    Settings of roles and of the database are those that the scripts make: no dump carries them.
    """

    snapshot: Snapshot
    moved: Mapping[str, str]
    invalid: tuple[str, ...] = ()


def expected_schema(recipe: Recipe, say: Say) -> Expected:
    """Build it in a scratch database; UnreadableError with a remedy where that fails."""
    place = (recipe.target_major, recipe.target_database, recipe.target_encoding)
    with ThreadPoolExecutor(1) as pool, _remedied(recipe):
        # read the source while the scratch server starts
        dump = pool.submit(_dump, recipe.source_dsn)
        with scratch_database(*place, recipe.scratch_dsn, say) as dsn:
            with closing(connect(dsn)) as connection:
                missing, moved, invalid = _make(connection, recipe, dump, dsn, say)
            with open_session(dsn) as session:
                snapshot = collect_snapshot(session, (*KINDS, ROLE_SETTINGS, DATABASE_SETTINGS))
                snapshot = _without_locked(snapshot, session, recipe, dump.result().locks)
                return Expected(missing.added_to(snapshot, _REMEDY), moved, invalid)


def _without_locked(
    snapshot: Snapshot, session: Connection, recipe: Recipe, locks: LastingLocks
) -> Snapshot:
    """Return the snapshot, with the reason why it lacks the relations that are locked."""
    if not locks.names:
        return snapshot
    moved = zip(
        quoted(session, [table.source for table in recipe.tables]),
        quoted(session, [table.target for table in recipe.tables]),
        strict=True,
    )
    target_names = dict(moved)
    locked = {target_names.get(name, name): locks.cause for name in locks.names}
    return replace(snapshot, locked=dict.fromkeys(_OF_RELATIONS, locked))


def _dump(source_dsn: str) -> _Dump:
    """Return the source's dump, without the tables that pg_dump may not lock."""
    unreadable = find_unreadable_tables(source_dsn)
    with open_session(source_dsn, side="source") as source:
        locks = find_lasting_locks(source, "source", source.lock_timeout_seconds)
    excluded = (*unreadable, *locks.names)
    try:
        statements = dump_statements(
            source_dsn,
            SECTIONS,
            publications=True,
            excluded=excluded,
            seconds=LOCKED_DUMP_SECONDS if locks.names else None,
        )
    except ProvisionError as error:
        with open_session(source_dsn, side="source") as source:
            if holders := lock_holders(find_locked(source)):
                seconds = LOCKED_DUMP_SECONDS if locks.names else LOCK_WAIT_SECONDS
                cause = describe_locks("source", holders, seconds)
                raise UnreadableError(cause) from error
        raise
    return _Dump(statements, unreadable, locks)


def _make(
    connection: Connection, recipe: Recipe, dump: Future[_Dump], dsn: str, say: Say
) -> tuple[NotCreated, dict[str, str], tuple[str, ...]]:
    """Run dump, scripts and moves; return what was not created, relations and INVALID indexes.

    Relations and indexes are under the names that they have in the end.
    """
    owner, roles = _roles_of(recipe)
    create_missing_roles(connection, roles)
    found = dump.result()
    statements = create_as_partitions(found.statements, recipe.target_major)
    if recipe.scratch_dsn is None:
        statements = create_in_groups(statements)
    refused = run_batches(connection, statements, "the source's dump", TOLERATED)
    if found.unreadable:
        refused = create_from_catalogs(connection, dsn, recipe.source_dsn)
    missing = find_not_created(
        dsn, recipe.source_dsn, recipe.tables, refused, _REMEDY, say, found.locks.names
    )
    before = dict(_relations(connection))
    invalid = _create_invalid_indexes(connection, recipe)
    dumped = find_dumped_tables(connection, recipe.tables)
    _drop_publications(connection)
    _run_scripts(connection, recipe.scripts, "pre-load", owner)
    with one_transaction(connection):
        act_as(connection, owner)
        move(connection, dumped, _schemas_of_target(recipe))
    _run_scripts(connection, recipe.scripts, "post-load", owner)
    after = dict(_relations(connection))
    moved = {name: after[o] for o, name in before.items() if o in after}
    return missing, missing.relations | moved, _names_of_indexes(connection, invalid)


def _create_invalid_indexes(connection: Connection, recipe: Recipe) -> list[int]:
    """Create the source's INVALID indexes, which a dump leaves out; return their oids.

    The target may have them, valid and with the same definition.
    """
    with open_session(recipe.source_dsn) as source:
        found = source.execute(_INVALID_INDEXES.encode()).fetchall()
    made: list[int] = []
    for name, definition in found:
        with suppress(psycopg.Error), connection.transaction():
            connection.execute(str(definition).encode())
            row = connection.execute("select %s::regclass::oid::int8", [name]).fetchone()
            made += [int(str(row[0]))] if row else []
    return made


def _names_of_indexes(connection: Connection, oids: Sequence[int]) -> tuple[str, ...]:
    rows = connection.execute(_INDEXES.encode(), [list(oids)]).fetchall()
    return tuple(str(name) for (name,) in rows)


def _run_scripts(connection: Connection, folder: Path | None, phase: str, owner: str) -> None:
    for script in read_scripts(folder, phase) if folder else ():
        with one_transaction(connection), track_new_roles(connection):
            act_as(connection, owner)
            run_statements(connection, script.text, f"{phase}/{script.name}")


def _roles_of(recipe: Recipe) -> tuple[str, list[str]]:
    """Return the role that provisions the target, and the roles of both sides.

    The provisioning role is the one in the target's journal, else the owner of its database.
    """
    with open_session(recipe.source_dsn) as source:
        roles = [name for (name,) in source.execute(ROLES.encode())]
    with open_session(recipe.target_dsn) as target:
        roles += [name for (name,) in target.execute(ROLES.encode())]
        row = target.execute(_OWNER.encode()).fetchone()
        owner = str(row[0]) if row else ""
        with suppress(psycopg.errors.InsufficientPrivilege), target.transaction():
            owner = next((done.applied_by for done in reversed(journal(target))), owner)
    return owner, [*roles, owner]


def _schemas_of_target(recipe: Recipe) -> set[str]:
    with open_session(recipe.target_dsn) as target:
        return {str(name) for (name,) in target.execute("select nspname from pg_namespace")}


def _newer_major(recipe: Recipe) -> int | None:
    """Return the source's major where it is newer than the target's."""
    with open_session(recipe.source_dsn) as source:
        major = source.info.server_version // 10_000
    return major if major > recipe.target_major else None


def _relations(connection: Connection) -> list[tuple[int, str]]:
    return [(int(str(o)), str(n)) for o, n in connection.execute(_RELATIONS.encode()).fetchall()]


def _drop_publications(connection: Connection) -> None:
    for (name,) in connection.execute(_MOVERS_PUBLICATIONS.encode()).fetchall():
        connection.execute(sql.SQL("drop publication {}").format(sql.Identifier(str(name))))


@contextmanager
def _remedied(recipe: Recipe) -> Iterator[None]:
    """Turn a statement that the scratch server refuses into UnreadableError with a remedy."""
    try:
        yield
    except ProvisionError as error:
        remedy = ""
        if isinstance(error.__cause__, psycopg.Error):
            state = error.__cause__.sqlstate
            if state in _MISSING_EXTENSION and "extension" in str(error):
                remedy = f"; {_REMEDY}"
            if state == _SYNTAX and (major := _newer_major(recipe)):
                remedy = (
                    f"; the source is PostgreSQL {major} and the target {recipe.target_major}, "
                    "which does not know all that the source has: take a newer target, or do "
                    "without it on the source"
                )
        raise UnreadableError(
            f"the expected schema cannot be made in a scratch database: {error}{remedy}"
        ) from error
    except PgCutoverError:
        raise
    except psycopg.Error as error:
        raise UnreadableError(
            f"the expected schema cannot be made in a scratch database: {explain_error(error)}"
        ) from error
