"""What the mapping moves and renames, done where no script has done it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from pgcutover.mapping import MappedTable, RelationName
from pgcutover.schema.expected.scratch_database import Connection

_COLUMNS = """
select c.oid::int8, a.attnum::int4, a.attname::text, n.nspname::text, c.relname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a
       on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attinhcount = 0
where c.oid = coalesce(
    to_regclass(quote_ident(%s::text) || '.' || quote_ident(%s::text))::oid, %s::oid)
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A mapped table as the source's dump made it: who it is, whatever it is called later."""

    table: MappedTable
    oid: int
    columns: Mapping[int, str]


def standing(connection: Connection, tables: Iterable[MappedTable]) -> list[Standing]:
    """The mapped tables that the source's dump has made."""
    found = []
    for table in tables:
        rows = connection.execute(_COLUMNS, [table.source.schema, table.source.name, 0]).fetchall()
        if rows:
            columns = {int(str(r[1])): str(r[2]) for r in rows if r[1] is not None}
            found.append(Standing(table, int(str(rows[0][0])), columns))
    return found


def move(connection: Connection, tables: Sequence[Standing]) -> None:
    """Move and rename what still stands where the source had it, in the caller's transaction.

    By way of names that nothing else has, so that tables and columns may take each other's.
    """
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
            _run(connection, "alter table {} set schema {}", aside, schema)
            aside = _identifier(RelationName(target.schema, _aside(each.oid)))
        _run(connection, "alter table {} rename to {}", aside, sql.Identifier(target.name))
    for each in tables:
        _rename_columns(connection, each)


def _with_room(connection: Connection, moving: list[Standing]) -> list[Standing]:
    """Those whose new name is free, or will be: a script may have made the table there anew."""
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


def _rename_columns(connection: Connection, each: Standing) -> None:
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
