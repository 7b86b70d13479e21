"""Facts about the mapped tables that decide which settings of DMS matter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms.settings.lob_size import LobColumn

Connection = psycopg.Connection[Any]

_TABLES = """
with mapped (schema, name) as (select * from unnest(%s::text[], %s::text[])),
relation as (
    select c.oid, m.schema || '.' || m.name as name
    from mapped m
    join pg_catalog.pg_namespace n on n.nspname = m.schema
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = m.name
)
select r.name,
       coalesce(k.uniques, 0),
       coalesce(k.has_primary, false),
       coalesce(k.has_text, false),
       exists (select from pg_catalog.pg_attribute a
               where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
                 and a.atttypid = 'bool'::regtype),
       exists (select from pg_catalog.pg_attribute a
               where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
                 and a.atttypid = 'bpchar'::regtype),
       exists (select from pg_catalog.pg_attribute a
               where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
                 and a.atttypid = 'numeric'::regtype and a.atttypmod = -1)
from relation r
left join lateral (
    select count(*) as uniques, bool_or(i.indisprimary) as has_primary,
           bool_or(i.indisprimary and exists (
               select from pg_catalog.pg_attribute a
               join pg_catalog.pg_collation o on o.oid = a.attcollation
               where a.attrelid = i.indrelid and a.attnum = any(i.indkey)
                 and o.collname not in ('C', 'POSIX'))) as has_text
    from pg_catalog.pg_index i where i.indrelid = r.oid and i.indisunique
) k on true
order by r.name
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """The migration type and properties of the mapped tables.

    `largest_lob_bytes` is None where no table has a LOB column.
    """

    migration_type: str = "full-load-and-cdc"
    largest_lob_bytes: int | None = None
    keyless_tables: tuple[str, ...] = ()
    several_unique_tables: tuple[str, ...] = ()
    text_key_tables: tuple[str, ...] = ()
    has_booleans: bool = False
    has_padded_texts: bool = False
    has_unbounded_numerics: bool = False


def read_workload(
    source: Connection,
    target: Connection,
    tables: Iterable[MappedTable],
    lobs: Sequence[LobColumn],
    migration_type: str,
) -> Workload:
    """Return the facts about the mapped tables, from both catalogs."""
    known = list(tables)
    of_source = _rows(source, [t.source for t in known])
    of_target = _rows(target, [t.target for t in known])
    return Workload(
        migration_type,
        max((c.largest_bytes for c in lobs), default=None),
        tuple(name for name, uniques, *_ in of_source if not uniques),
        tuple(name for name, uniques, primary, *_ in of_target if primary and uniques > 1),
        tuple(name for name, _, _, text, *_ in of_source if text),
        any(booleans for *_, booleans, _, _ in of_source),
        any(padded for *_, padded, _ in of_source),
        any(unbounded for *_, unbounded in of_source),
    )


def _rows(connection: Connection, names: Sequence[RelationName]) -> list[tuple[Any, ...]]:
    parameters = [[n.schema for n in names], [n.name for n in names]]
    return connection.execute(_TABLES, parameters).fetchall()
