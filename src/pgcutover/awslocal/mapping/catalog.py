"""Reads the tables of a task from both servers' catalogs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.task.endpoint_connection import Connection

ORDINARY, PARTITIONED = "r", "p"


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A source column; `base` is its type with domains resolved."""

    # to_jsonb, because attgenerated exists since PostgreSQL 12 only
    query = """
        with recursive resolved (type, base, typmod) as (
            select oid, oid, -1 from pg_type where typtype <> 'd'
            union all
            select d.oid, r.base, case when d.typtypmod <> -1 then d.typtypmod else r.typmod end
            from pg_type as d join resolved as r on r.type = d.typbasetype
            where d.typtype = 'd'
        )
        select c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text,
            c.relreplident::text, greatest(c.reltuples, 0)::bigint,
            a.attname, format_type(a.atttypid, a.atttypmod), t.typname,
            case when a.atttypmod <> -1 then a.atttypmod else r.typmod end,
            t.typcategory::text, t.typtype::text,
            top.typnamespace <> 'pg_catalog'::regnamespace,
            coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '',
            a.attnotnull, coalesce(array_position(i.indkey::int2[], a.attnum), -1)
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_type as top on top.oid = a.atttypid
        join resolved as r on r.type = a.atttypid
        join pg_type as t on t.oid = r.base
        left join pg_index as i on i.indrelid = c.oid and i.indisprimary
        where c.relkind in ('r', 'p') and c.relpersistence <> 't'
            and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            and c.relname !~ '^awsdms_'
        order by n.nspname, c.relname, a.attnum
    """

    name: str
    type_sql: str
    base: str
    modifier: int
    category: str
    type_kind: str
    user_defined: bool
    generated: bool
    not_null: bool
    key_position: int

    @property
    def is_array(self) -> bool:
        """Return whether the type, with domains resolved, is an array."""
        return self.category == "A"


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A source table."""

    oid: int
    name: Name
    kind: str
    persistence: str
    replica_identity: str
    expected_rows: int
    columns: tuple[SourceColumn, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """Return the primary key's columns in key order; empty without a key."""
        parts = sorted((c.key_position, c.name) for c in self.columns if c.key_position >= 0)
        return tuple(name for _, name in parts)

    def column(self, name: str) -> SourceColumn | None:
        """Return the column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)


def source_tables(connection: Connection) -> tuple[SourceTable, ...]:
    """Return every source table that a selection rule could select."""
    rows = connection.execute(SourceColumn.query.encode()).fetchall()
    tables = []
    for head, group in groupby(rows, key=lambda row: row[:7]):
        oid, schema, name, kind, persistence, identity, expected = head
        columns = tuple(SourceColumn(*row[7:]) for row in group)
        tables.append(
            SourceTable(oid, (schema, name), kind, persistence, identity, expected, columns)
        )
    return tuple(tables)


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A target column."""

    query = """
        select a.attname, t.typname, coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '',
            a.attnotnull
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_type as t on t.oid = a.atttypid
        where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
            and c.relkind in ('r', 'p', 'v', 'f')
    """

    name: str
    type_name: str
    generated: bool
    not_null: bool


def target_columns(connection: Connection, name: Name) -> dict[str, TargetColumn]:
    """Return the columns of a target table; empty if it does not exist."""
    rows: Sequence[tuple[str, str, bool, bool]] = connection.execute(
        TargetColumn.query.encode(), name
    ).fetchall()
    return {row[0]: TargetColumn(*row) for row in rows}
