"""Applies the mapping to the source's schema where no script has done so."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import LiteralString

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName

_SCHEMAS = "select nspname::text from pg_namespace"
_COLUMNS = """
select c.oid::int8, a.attnum::int4, a.attname::text, n.nspname::text, c.relname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a
       on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attinhcount = 0
where c.oid = coalesce(
    to_regclass(quote_ident(%s::text) || '.' || quote_ident(%s::text))::oid, %s::oid)
"""


@dataclass(frozen=True, slots=True)
class DumpedTable:
    """A mapped table as the source's dump created it; its oid identifies it under any name."""

    table: MappedTable
    oid: int
    columns: Mapping[int, str]


def find_dumped_tables(connection: Connection, tables: Iterable[MappedTable]) -> list[DumpedTable]:
    """Return the mapped tables that the source's dump has created."""
    found = []
    for table in tables:
        rows = connection.execute(_COLUMNS, [table.source.schema, table.source.name, 0]).fetchall()
        if rows:
            columns = {int(str(r[1])): str(r[2]) for r in rows if r[1] is not None}
            found.append(DumpedTable(table, int(str(rows[0][0])), columns))
    return found


def move(
    connection: Connection, tables: Sequence[DumpedTable], schemas_of_target: Collection[str]
) -> None:
    """Move, rename and remove what is still as on the source, in the caller's transaction.

    Temporary names allow tables and columns to swap theirs.
    """
    tables = _rename_schemas(connection, tables, schemas_of_target)
    now = {each.oid: _place(connection, each.oid) for each in tables}
    here = [t for t in tables if now[t.oid] == t.table.source != t.table.target]
    here = _with_room(connection, here)
    for each in here:
        old, aside = _identifier(each.table.source), sql.Identifier(_aside(each.oid))
        _run(connection, "alter table {} rename to {}", old, aside)
    for each in here:
        source, target = each.table.source, each.table.target
        aside = _identifier(RelationName(source.schema, _aside(each.oid)))
        if source.schema != target.schema:
            schema = sql.Identifier(target.schema)
            _run(connection, "create schema if not exists {}", schema)
            _set_schema(connection, each.table, aside)
            aside = _identifier(RelationName(target.schema, _aside(each.oid)))
        _run(connection, "alter table {} rename to {}", aside, sql.Identifier(target.name))
    for each in tables:
        _remove_columns(connection, each)
        _rename_columns(connection, each)


def _rename_schemas(
    connection: Connection, tables: Sequence[DumpedTable], schemas_of_target: Collection[str]
) -> Sequence[DumpedTable]:
    """Rename each schema as a whole whose tables all move to a new one; return tables under it.

    Types and functions then move with the tables, as ALTER SCHEMA does it. A target that still has
    the old schema shows that only the tables move.
    """
    here = {str(name) for (name,) in connection.execute(_SCHEMAS.encode()).fetchall()}
    ways: dict[str, set[str]] = {}
    for each in tables:
        ways.setdefault(each.table.source.schema, set()).add(each.table.target.schema)
    whole = {
        old: new
        for old, (new, *others) in ways.items()
        if not (others or new in here or old in schemas_of_target) and new in schemas_of_target
    }
    for old, new in whole.items():
        _run(connection, "alter schema {} rename to {}", sql.Identifier(old), sql.Identifier(new))
    return [_in_schema(each, whole.get(each.table.source.schema)) for each in tables]


def _in_schema(each: DumpedTable, schema: str | None) -> DumpedTable:
    if schema is None:
        return each
    source = RelationName(schema, each.table.source.name)
    return replace(each, table=replace(each.table, source=source))


def _set_schema(connection: Connection, table: MappedTable, aside: sql.Identifier) -> None:
    try:
        schema = sql.Identifier(table.target.schema)
        _run(connection, "alter table {} set schema {}", aside, schema)
    except psycopg.errors.DuplicateTable as error:
        raise UnreadableError(
            f"the mapping moves table {table.source} to schema {table.target.schema}, where an "
            "index or sequence of the same name as one of its own exists; rename one of them in a "
            "script of pre-load"
        ) from error


def _remove_columns(connection: Connection, each: DumpedTable) -> None:
    """Drop the columns that a rule removes; one that a view uses stays."""
    if not each.table.removed_columns or (place := _place(connection, each.oid)) is None:
        return
    for number, name in each.columns.items():
        if name in each.table.removed_columns and _column(connection, each.oid, number) == name:
            with suppress(psycopg.errors.DependentObjectsStillExist), connection.transaction():
                drop = "alter table {} drop column {}"
                _run(connection, drop, _identifier(place), sql.Identifier(name))


def _column(connection: Connection, oid: int, number: int) -> str | None:
    rows = connection.execute(_COLUMNS, [None, None, oid]).fetchall()
    return next((str(r[2]) for r in rows if r[1] == number), None)


def _with_room(connection: Connection, moving: list[DumpedTable]) -> list[DumpedTable]:
    """Return the tables whose new name is free or will be; a script may have created it anew."""
    while True:
        leaving = {each.oid for each in moving}
        kept = [
            each
            for each in moving
            if (holder := _holder(connection, each.table.target)) is None or holder in leaving
        ]
        if len(kept) == len(moving):
            return kept
        moving = kept


def _rename_columns(connection: Connection, each: DumpedTable) -> None:
    place = _place(connection, each.oid)
    if place is None:
        return
    rows = connection.execute(_COLUMNS, [None, None, each.oid]).fetchall()
    now = {int(str(r[1])): str(r[2]) for r in rows if r[1] is not None}
    wanted = dict(each.table.columns)
    pending = {
        n: wanted[name]
        for n, name in each.columns.items()
        if now.get(n) == name != wanted.get(name, name)
    }
    taken = {name for n, name in now.items() if n not in pending}
    pending = {n: name for n, name in pending.items() if name not in taken}
    rename = "alter table {} rename column {} to {}"
    for n in pending:
        old, aside = sql.Identifier(now[n]), sql.Identifier(_aside(n))
        _run(connection, rename, _identifier(place), old, aside)
    for n, name in pending.items():
        aside = sql.Identifier(_aside(n))
        _run(connection, rename, _identifier(place), aside, sql.Identifier(name))


def _holder(connection: Connection, name: RelationName) -> int | None:
    rows = connection.execute(_COLUMNS, [name.schema, name.name, 0]).fetchall()
    return int(str(rows[0][0])) if rows else None


def _place(connection: Connection, oid: int) -> RelationName | None:
    rows = connection.execute(_COLUMNS, [None, None, oid]).fetchall()
    return RelationName(str(rows[0][3]), str(rows[0][4])) if rows else None


def _aside(number: int) -> str:
    return f"pgcutover_moving_{number}"


def _identifier(name: RelationName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)


def _run(connection: Connection, statement: LiteralString, *names: sql.Identifier) -> None:
    connection.execute(sql.SQL(statement).format(*names))
