"""Estimated size of each mapped table on the source, from the statistics of its catalog."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from pgcutover.connect import open_side
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import MappedTable


class TableSize(NamedTuple):
    """Rows as the planner estimates them, and bytes on disk with TOAST but without indexes."""

    rows: int
    bytes: int


# Without statistics, 60 rows per page are assumed, so that progress has a total. The size of a
# partitioned table is that of its leaf partitions; pg_partition_tree() exists since 12.
_SIZES = """
with recursive part (root, oid, relkind) as (
  select c.oid, c.oid, c.relkind
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
   union all
  select part.root, c.oid, c.relkind
    from part
    join pg_inherits i on i.inhparent = part.oid
    join pg_class c on c.oid = i.inhrelid
   where part.relkind = 'p')
select n.nspname, r.relname,
       sum(case when c.relpages > 0 and c.reltuples >= 0 then c.reltuples
                else pg_relation_size(c.oid) / 8192 * 60 end)::bigint,
       sum(pg_table_size(c.oid))::bigint
  from part
  join pg_class c on c.oid = part.oid
  join pg_class r on r.oid = part.root
  join pg_namespace n on n.oid = r.relnamespace
 where part.relkind <> 'p'
 group by n.nspname, r.relname
"""


def read_table_sizes(source_dsn: str, tables: Sequence[MappedTable]) -> dict[str, TableSize]:
    """Return sizes by the table's name on the target; none if they cannot be read.

    They determine the order of the checks and the progress shown, never a result.
    """
    names = [(t.source.schema, t.source.name) for t in tables]
    wanted = [[schema for schema, _ in names], [name for _, name in names]]
    try:
        with open_side("source", source_dsn) as connection:
            found: list[Any] = connection.execute(_SIZES, wanted).fetchall()
    except (psycopg.Error, PgCutoverError):
        return {}
    sizes = {(schema, name): TableSize(rows, size) for schema, name, rows, size in found}
    known = zip(map(str, tables), map(sizes.get, names), strict=True)
    return {table: size for table, size in known if size is not None}
