"""What the target's schema should be: the source's, moved by the mapping and the scripts.

It is made, not derived by reading SQL: a scratch database of the target's major gets the source's
dump, whole, then the numbered scripts, as provisioning would run them. Read there by the same
queries as the target is, it has the same names and is printed the same way, so whatever differs is
explained by neither the source nor a script.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from pgcutover.catalog.read import SideCatalog, read_side
from pgcutover.connect import open_session
from pgcutover.errors import PgCutoverError, ProvisionError, UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.provision.dump import SECTIONS, dump_section
from pgcutover.provision.run import Connection, one_transaction, run_statements
from pgcutover.provision.scripts import read_scripts
from pgcutover.redact import describe_error
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.kinds.roles import DATABASE_SETTINGS, ROLE_SETTINGS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.scratch import scratch_database
from pgcutover.schema.snapshot import take

Say = Callable[[str], None]
PHASES = ("pre-load", "post-load")
_MISSING_EXTENSION = ("0A000", "58P01", "22023")
_ROLES = "select rolname from pg_roles where rolname !~ '^(pg_|rds)'"
_RELATIONS = """
select c.oid::int8, format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
# what a mover needs on its source is not the application's
_MOVERS_PUBLICATIONS = "select pubname from pg_publication where pubname ~ '^(awsdms|pgcutover)'"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that the expected schema is made from."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    target_major: int
    target_database: str
    target_encoding: str
    tables: Sequence[MappedTable]
    scripts: Path | None = None
    scratch_dsn: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected schema; `moved` is what became of each relation of the source, if it is left.

    Settings of roles and of the database are those that the scripts make: no dump carries them.
    """

    snapshot: Snapshot
    moved: Mapping[str, str]
    catalog: SideCatalog


def expected_schema(recipe: Recipe, say: Say) -> Expected:
    """Make it in a scratch database; UnreadableError says what could not be made, and a remedy."""
    dumped = [
        (section, dump_section(recipe.source_dsn, section, publications=True))
        for section in SECTIONS
    ]
    with (
        scratch_database(
            recipe.target_major,
            recipe.target_database,
            recipe.target_encoding,
            recipe.scratch_dsn,
            say,
        ) as dsn,
        psycopg.connect(dsn, autocommit=True, application_name="pgcutover") as connection,
        _roles(connection, recipe),
    ):
        for section, text in dumped:
            with _remedied(), one_transaction(connection):
                run_statements(connection, text, f"source/{section}.sql")
        before = dict(_relations(connection))
        _drop_publications(connection)
        for phase, name, text in _scripts(recipe.scripts):
            with _remedied(), one_transaction(connection):
                run_statements(connection, text, f"{phase}/{name}")
        _move(connection, recipe.tables)
        after = dict(_relations(connection))
        with open_session(dsn) as session:
            snapshot = take(session, (*KINDS, ROLE_SETTINGS, DATABASE_SETTINGS))
            catalog = read_side(session, "expected schema")
    moved = {name: after[o] for o, name in before.items() if o in after}
    return Expected(snapshot, moved, catalog)


def _scripts(folder: Path | None) -> Iterator[tuple[str, str, str]]:
    for phase in PHASES if folder else ():
        for script in read_scripts(folder, phase) if folder else ():
            yield phase, script.name, script.text


@contextmanager
def _roles(connection: Connection, recipe: Recipe) -> Iterator[None]:
    """The roles of both sides, so that owners and grants can be given; dropped again afterwards.

    They are superusers here, so that a script's `set role` works whatever the role lacks on an
    empty server; what each may do on the target is compared elsewhere.
    """
    wanted = set(_names(recipe.source_dsn)) | set(_names(recipe.target_dsn))
    known = {name for (name,) in connection.execute(_ROLES).fetchall()}
    made = sorted(wanted - {str(name) for name in known})
    for name in made:
        connection.execute(sql.SQL("create role {} superuser nologin").format(sql.Identifier(name)))
    try:
        yield
    finally:
        if recipe.scratch_dsn is not None and not connection.closed:
            _drop_roles(connection, made)


def _drop_roles(connection: Connection, names: Sequence[str]) -> None:
    """The scratch database, which alone has objects of theirs, is dropped with what they own."""
    connection.execute("reset role")
    for name in names:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("drop owned by {} cascade").format(role))
        connection.execute(sql.SQL("drop role {}").format(role))


def _names(dsn: str) -> list[str]:
    try:
        with open_session(dsn) as session:
            return [name for (name,) in session.execute(_ROLES.encode())]
    except psycopg.Error as error:
        raise UnreadableError(f"the roles cannot be read: {describe_error(error)}") from error


def _relations(connection: Connection) -> list[tuple[int, str]]:
    return [(int(str(o)), str(n)) for o, n in connection.execute(_RELATIONS.encode()).fetchall()]


def _drop_publications(connection: Connection) -> None:
    for (name,) in connection.execute(_MOVERS_PUBLICATIONS.encode()).fetchall():
        connection.execute(sql.SQL("drop publication {}").format(sql.Identifier(str(name))))


def _move(connection: Connection, tables: Sequence[MappedTable]) -> None:
    """What the mapping moves and no script has moved."""
    for table in tables:
        if _exists(connection, table.target) or not _exists(connection, table.source):
            continue
        schema = sql.Identifier(table.target.schema)
        connection.execute(sql.SQL("create schema if not exists {}").format(schema))
        if table.source.schema != table.target.schema:
            connection.execute(
                sql.SQL("alter table {} set schema {}").format(_identifier(table.source), schema)
            )
        now = RelationName(table.target.schema, table.source.name)
        if table.source.name != table.target.name:
            connection.execute(
                sql.SQL("alter table {} rename to {}").format(
                    _identifier(now), sql.Identifier(table.target.name)
                )
            )
        for source, target in table.columns:
            if source != target:
                connection.execute(
                    sql.SQL("alter table {} rename column {} to {}").format(
                        _identifier(table.target), sql.Identifier(source), sql.Identifier(target)
                    )
                )


def _exists(connection: Connection, name: RelationName) -> bool:
    row = connection.execute(
        "select to_regclass(format('%%I.%%I', %s::text, %s::text)) is not null",
        [name.schema, name.name],
    ).fetchone()
    return row == (True,)


def _identifier(name: RelationName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)


@contextmanager
def _remedied() -> Iterator[None]:
    """A statement that the scratch server refuses makes the schema undecided, not wrong."""
    try:
        yield
    except ProvisionError as error:
        remedy = ""
        if isinstance(error.__cause__, psycopg.Error):
            state = error.__cause__.sqlstate
            if state in _MISSING_EXTENSION and "extension" in str(error):
                remedy = (
                    "; name a server of the target's major that has the extension in "
                    "schema.scratch_dsn_env"
                )
        raise UnreadableError(
            f"the expected schema cannot be made in a scratch database: {error}{remedy}"
        ) from error
    except PgCutoverError:
        raise
    except psycopg.Error as error:
        raise UnreadableError(
            f"the expected schema cannot be made in a scratch database: {describe_error(error)}"
        ) from error
