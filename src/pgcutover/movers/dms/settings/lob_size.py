"""Measures the largest values that DMS treats as LOBs, on the source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.errors import MoverError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms.settings.task_settings import LOB_HEADROOM, MAX_LIMITED_LOB_KB

_STEP_KB = 64  # so that a few more bytes do not need another limit
_WSTRING = 8000  # a varchar with a longer limit is a LOB to DMS

# Variable-length types that DMS moves as numbers or short strings are no LOBs; a domain is as its
# base type.
_LOB_COLUMNS = """
with recursive col as (
    select a.attname, a.attnum, a.atttypid as type, a.atttypmod as typmod
    from pg_catalog.pg_attribute a
    where a.attrelid = %(relation)s and a.attnum > 0 and not a.attisdropped
    union all
    select c.attname, c.attnum, t.typbasetype,
           case when t.typtypmod >= 0 then t.typtypmod else c.typmod end
    from col c
    join pg_catalog.pg_type t on t.oid = c.type
    where t.typtype = 'd'
)
select c.attname, t.typname in ('text', 'bytea', 'varchar')
from col c
join pg_catalog.pg_type t on t.oid = c.type
where t.typtype <> 'd'
  and t.typlen = -1
  and t.typname not in ('numeric', 'inet', 'cidr', 'bit', 'varbit')
  and not (t.typname in ('varchar', 'bpchar') and c.typmod between 5 and %(longest)s + 4)
order by c.attnum
"""
_RELATION = """
select c.oid
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s
"""


@dataclass(frozen=True, slots=True)
class LobColumn:
    """A column of LOB-like type and the size of its largest value, 0 where there is none."""

    table: RelationName
    column: str
    largest_bytes: int


def lob_limit_kb(source: "psycopg.Connection[Any]", tables: Iterable[MappedTable]) -> int:
    """Return a LobMaxSize for the largest value of the tables, with headroom.

    Reads every table once: text and bytea by their stored sizes, json, arrays and other types as
    text.
    """
    largest = largest_lob(source, tables)
    if largest is None:
        return _STEP_KB
    kb = -(-largest.largest_bytes // 1024)
    if kb > MAX_LIMITED_LOB_KB:
        raise MoverError(
            f"the largest value of {largest.table}.{largest.column} has {kb} KB, but limited LOB "
            f"mode ends at {MAX_LIMITED_LOB_KB} KB and would truncate it; move this table by a "
            "task of its own in full LOB mode"
        )
    return min(MAX_LIMITED_LOB_KB, max(1, -(-kb * LOB_HEADROOM // _STEP_KB)) * _STEP_KB)


def largest_lob(
    source: "psycopg.Connection[Any]", tables: Iterable[MappedTable]
) -> LobColumn | None:
    """Return the LOB-like column with the largest value; None where there is no such column."""
    return max(lob_columns(source, tables), key=lambda c: c.largest_bytes, default=None)


def lob_columns(
    source: "psycopg.Connection[Any]", tables: Iterable[MappedTable]
) -> tuple[LobColumn, ...]:
    """Return the LOB-like columns of the tables, each with the size of its largest value."""
    return tuple(column for table in tables for column in _measure(source, table))


def _measure(source: "psycopg.Connection[Any]", table: MappedTable) -> Iterator[LobColumn]:
    moved = {name for name, _ in table.columns}
    columns = [c for c in _lob_columns(source, table.source) if c[0] in moved]
    if not columns:
        return
    statement = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(_largest(name, plain) for name, plain in columns),
        sql.Identifier(table.source.schema, table.source.name),
    )
    sizes = source.execute(statement).fetchone() or ()
    for (name, _), size in zip(columns, sizes, strict=True):
        yield LobColumn(table.source, name, size or 0)


def _lob_columns(source: "psycopg.Connection[Any]", name: RelationName) -> list[tuple[str, bool]]:
    relation = source.execute(_RELATION, [name.schema, name.name]).fetchone()
    if relation is None:
        raise MoverError(f"the source has no table {name}; correct the table mapping")
    return source.execute(_LOB_COLUMNS, {"relation": relation[0], "longest": _WSTRING}).fetchall()


def _largest(column: str, plain: bool) -> sql.Composed:
    shape = "max(octet_length({}))" if plain else "max(octet_length({}::text))"
    return sql.SQL(shape).format(sql.Identifier(column))
