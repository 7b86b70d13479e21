"""Reads the column types, storage, size and partitions of one table."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg import sql
from psycopg.rows import dict_row

from pgcutover.connect import Connection
from pgcutover.mapping import RelationName

IN_CACHE_PAGES = 16_384


@dataclass(frozen=True, slots=True)
class BaseType:
    """A column's type without domains, and its output function."""

    schema: str
    name: str
    output: tuple[str, str]

    @property
    def builtin(self) -> str:
        """The name of a built-in type; '' for a type of a user or an extension."""
        return self.name if self.schema == "pg_catalog" else ""


@dataclass(frozen=True, slots=True)
class TableStats:
    """One side's table; `rows_estimate` comes from the planner's statistics and may be wrong.

    `leaves` are the relations that hold the rows: the table itself or its partitions.
    `correlation` is that of the heap with the key's first column, 0 where it is unknown or where
    the table is small enough to be cached.
    """

    types: dict[str, BaseType]
    kind: str
    pages: int
    rows_estimate: int
    leaves: tuple[RelationName, ...]
    leaf_pages: tuple[int, ...]
    correlation: float = 0.0
    indexed: bool = False
    not_null: frozenset[str] = field(default_factory=frozenset)


def read_stats(connection: Connection, name: RelationName, key: Sequence[str]) -> TableStats | None:
    """Return the statistics of one table; None where it does not exist."""
    arguments = {"schema": name.schema, "name": name.name, "first": key[0] if key else ""}
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_STORAGE, arguments).fetchone()
        if row is None:
            return None
        types = cursor.execute(_TYPES, [row["oid"]]).fetchall()
        leaves = cursor.execute(_LEAVES, [row["oid"]]).fetchall() if row["kind"] == "p" else None
        is_cached = row["pages"] <= IN_CACHE_PAGES  # the statistics' view is slow to plan
        found = None if is_cached else cursor.execute(_CORRELATION, arguments).fetchone()
    parts = (
        [(name, row["pages"])]
        if leaves is None
        else [(RelationName(at["schema"], at["name"]), at["pages"]) for at in leaves]
    )
    return TableStats(
        {
            t["column"]: BaseType(t["schema"], t["name"], (t["output_schema"], t["output"]))
            for t in types
        },
        row["kind"],
        row["pages"],
        max(0, int(row["rows"])),
        tuple(leaf for leaf, _ in parts),
        tuple(pages for _, pages in parts),
        abs(found["correlation"]) if found else 0.0,
        row["indexed"],
        frozenset(t["column"] for t in types if t["not_null"]),
    )


# reltuples is -1 before the first analyze (PostgreSQL 17, 51.11 pg_class): then from the size
_STORAGE = sql.SQL("""
with recursive tree as (
    select c.oid, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %(schema)s and c.relname = %(name)s and c.relkind = 'p'
    union all
    select c.oid, c.relkind from tree t join pg_inherits i on i.inhparent = t.oid
      join pg_class c on c.oid = i.inhrelid
     where t.relkind = 'p'
), leaf as (select oid from tree where relkind <> 'p')
select c.oid, c.relkind::text as kind, s.pages::bigint, s.rows::bigint,
       exists (select from pg_index i join pg_attribute a
                   on a.attrelid = c.oid and a.attnum = i.indkey[0] and a.attname = %(first)s
                where i.indrelid = c.oid and i.indisvalid and i.indisready and i.indpred is null
                  and i.indclass[0] in (select o.oid from pg_opclass o join pg_am m
                                            on m.oid = o.opcmethod
                                         where m.amname = 'btree' and o.opcdefault)) as indexed
  from pg_class c join pg_namespace n on n.oid = c.relnamespace,
       lateral (select coalesce(sum(pg_relation_size(p.oid)) / 8192, 0) as pages,
                       coalesce(sum(case when p.reltuples >= 0 and p.relpages > 0
                           then p.reltuples / p.relpages * (pg_relation_size(p.oid) / 8192)
                           else pg_relation_size(p.oid) / 100 end), 0) as rows
                  from pg_class p
                 where p.oid = c.oid and c.relkind <> 'p' or p.oid in (select oid from leaf)) s
 where n.nspname = %(schema)s and c.relname = %(name)s
""")

_CORRELATION = sql.SQL("""
select coalesce(correlation, 0)::float8 as correlation from pg_stats
 where schemaname = %(schema)s and tablename = %(name)s and attname = %(first)s and not inherited
""")

_TYPES = sql.SQL("""
with recursive base as (
    select a.attname, a.attnotnull, a.atttypid as type from pg_attribute a
     where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
    union all
    select b.attname, b.attnotnull, t.typbasetype from base b join pg_type t on t.oid = b.type
     where t.typtype = 'd'
)
select b.attname::text as column, b.attnotnull as not_null, n.nspname::text as schema,
       t.typname::text as name, f.nspname::text as output_schema,
       case when p.proargtypes[0] = t.oid or a.typtype = 'p' then p.proname::text else '' end
           as output
  from base b join pg_type t on t.oid = b.type and t.typtype <> 'd'
  join pg_namespace n on n.oid = t.typnamespace
  join pg_proc p on p.oid = t.typoutput join pg_namespace f on f.oid = p.pronamespace
  join pg_type a on a.oid = p.proargtypes[0]
""")

_LEAVES = sql.SQL("""
with recursive tree as (
    select oid, relkind from pg_class where oid = %s
    union all
    select c.oid, c.relkind from tree t join pg_inherits i on i.inhparent = t.oid
      join pg_class c on c.oid = i.inhrelid
     where t.relkind = 'p'
)
select n.nspname::text as schema, c.relname::text as name,
       (pg_relation_size(c.oid) / 8192)::bigint as pages
  from tree t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace
 where t.relkind <> 'p' order by 1, 2
""")
