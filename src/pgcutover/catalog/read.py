"""Reads the catalog of one side, with one query for each kind, in the caller's snapshot."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pgcutover.catalog.model import Column, ForeignKey, Index, Relation
from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.mapping import RelationName

# temporary and system schemas are not migrated
TABLE_SCHEMAS = (
    "n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> 'pgcutover'"
)

_RELATIONS = f"""
select n.nspname, c.relname, c.relkind::text,
       has_schema_privilege(n.oid, 'usage'), row_security_active(c.oid),
       a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       has_column_privilege(c.oid, a.attnum, 'select')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and {TABLE_SCHEMAS}
order by n.nspname, c.relname, a.attnum
"""  # noqa: S608 - a constant

# A partitioned index is usable if every partition, at every level, has a valid part of it. An index
# created with ON ONLY, or with a part that failed to build, is not usable.
_INDEXES = f"""
with recursive
partitions (root, relation) as (
    select oid, oid from pg_class where relkind = 'p' and not relispartition
    union all
    select p.root, h.inhrelid from partitions p
    join pg_inherits h on h.inhparent = p.relation
    join pg_class c on c.oid = h.inhrelid and c.relkind in ('r', 'p')
),
index_parts (root, index) as (
    select x.oid, x.oid from pg_class x where x.relkind = 'I' and not x.relispartition
    union all
    select p.root, h.inhrelid from index_parts p join pg_inherits h on h.inhparent = p.index
),
complete (index, parts, usable) as (
    select p.root, count(*), bool_and(i.indisvalid and i.indisready and i.indislive)
    from index_parts p join pg_index i on i.indexrelid = p.index group by 1
)
select n.nspname, x.relname, tn.nspname, c.relname, m.amname, i.indisunique, i.indisprimary,
       i.indpred is not null,
       i.indisvalid and i.indisready and i.indislive and (x.relkind <> 'I' or coalesce((
           select w.usable and w.parts = (select count(*) from partitions p where p.root = c.oid)
           from complete w where w.index = x.oid), false)),
       (select array_agg(a.attname::text order by o)
        from generate_series(1, i.indnkeyatts) o
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[o - 1])
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_namespace n on n.oid = x.relnamespace
join pg_am m on m.oid = x.relam
join pg_class c on c.oid = i.indrelid
join pg_namespace tn on tn.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and {TABLE_SCHEMAS}
order by 1, 2
"""  # noqa: S608 - a constant

_FOREIGN_KEYS = f"""
select k.conname, n.nspname, c.relname, rn.nspname, r.relname,
       (select array_agg(a.attname::text order by u.i)
        from unnest(k.conkey) with ordinality u (c, i)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c),
       (select array_agg(a.attname::text order by u.i)
        from unnest(k.confkey) with ordinality u (c, i)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.c),
       k.confmatchtype::text,
       (select array_agg(array[s.nspname::text, o.oprname::text] order by u.i)
        from unnest(k.conpfeqop) with ordinality u (op, i)
        join pg_operator o on o.oid = u.op join pg_namespace s on s.oid = o.oprnamespace)
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class r on r.oid = k.confrelid
join pg_namespace rn on rn.oid = r.relnamespace
where k.contype = 'f' and k.conparentid = 0 and {TABLE_SCHEMAS}
order by 2, 3, 1
"""  # noqa: S608 - a constant

# with session_replication_role = replica foreign keys and ordinary triggers do not fire; a mover
# may set it for its own role, but not for every role
_SWITCHED_OFF = """
select case when s.setdatabase = 0 then 'every database' else 'this database' end
from pg_db_role_setting s cross join unnest(s.setconfig) c (setting)
where s.setrole = 0
  and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and c.setting ~* '^session_replication_role=' and c.setting !~* '=origin$'
union
select 'the server''s configuration' from pg_settings
where name = 'session_replication_role' and reset_val <> 'origin'
  and source in ('configuration file', 'command line')
order by 1
"""
_FIRST_COLUMN = 5  # of the relations that _RELATIONS selects


@dataclass(frozen=True)
class SideCatalog:
    """The catalog of one side; `triggers_off` is the place of a setting that disables all triggers.

    Without slots, so that lookups are cached.
    """

    relations: tuple[Relation, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    triggers_off: tuple[str, ...] = ()

    def relation(self, name: RelationName) -> Relation | None:
        """Return the table of that name; None if there is none."""
        return self._relations.get(name)

    def foreign_key(self, name: str) -> ForeignKey | None:
        """Return the foreign key `schema.table.constraint`; None if there is none."""
        return self._foreign_keys.get(name)

    def indexes_of(self, table: RelationName) -> list[Index]:
        """Return the indexes of one table."""
        return self._indexes_of.get(table, [])

    @cached_property
    def _relations(self) -> dict[RelationName, Relation]:
        return {r.name: r for r in self.relations}

    @cached_property
    def _foreign_keys(self) -> dict[str, ForeignKey]:
        return {f"{k.table}.{k.name}": k for k in self.foreign_keys}

    @cached_property
    def _indexes_of(self) -> dict[RelationName, list[Index]]:
        found = defaultdict[RelationName, list[Index]](list)
        for index in self.indexes:
            found[index.table].append(index)
        return found


def read_side(connection: Connection, side: str) -> SideCatalog:
    """Read the catalog of `side`; UnreadableError if a query fails."""
    with unreadable_on_error(side, "catalog"):
        return SideCatalog(
            tuple(_relations(connection)),
            tuple(_indexes(connection)),
            tuple(_keys(connection)),
            tuple(place for (place,) in connection.execute(_SWITCHED_OFF.encode())),
        )


def _relations(connection: Connection) -> Iterable[Relation]:
    heads: dict[RelationName, tuple[Any, ...]] = {}
    columns: dict[RelationName, list[Column]] = {}
    for row in connection.execute(_RELATIONS.encode()):
        relation, column = RelationName(*row[:2]), row[_FIRST_COLUMN:]
        heads[relation] = row[2:_FIRST_COLUMN]
        found = columns.setdefault(relation, [])
        if column[0] is not None:
            found.append(Column(*column))
    for relation, (kind, reachable, filtered) in heads.items():
        yield Relation(relation, kind, tuple(columns[relation]), reachable, filtered)


def _indexes(connection: Connection) -> Iterable[Index]:
    for row in connection.execute(_INDEXES.encode()):
        schema, name, table_schema, table, *properties, columns = row
        names = (RelationName(schema, name), RelationName(table_schema, table))
        yield Index(*(*names, *properties, tuple(columns)))


def _keys(connection: Connection) -> Iterable[ForeignKey]:
    for row in connection.execute(_FOREIGN_KEYS.encode()):
        name, schema, table, ref_schema, ref_table, columns, ref_columns, match, operators = row
        own, referenced = RelationName(schema, table), RelationName(ref_schema, ref_table)
        compared_by = tuple((s, o) for s, o in operators)
        keys = (tuple(columns), referenced, tuple(ref_columns))
        yield ForeignKey(name, own, *keys, match, compared_by)
