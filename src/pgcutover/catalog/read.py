"""The catalog of one side, one query a kind, in the caller's one snapshot."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg

from pgcutover.catalog.model import Column, ForeignKey, Index, IndexPart, Relation
from pgcutover.errors import UnreadableError
from pgcutover.mapping import RelationName
from pgcutover.redact import describe_error

Connection = psycopg.Connection[Any]

# temporary and system schemas hold nothing that migrates
TABLE_SCHEMAS = (
    "n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> 'pgcutover'"
)

# columns that a supported version lacks are read through to_jsonb: NULL there, no error
_RELATIONS = f"""
select n.nspname, c.relname, c.relkind::text, c.relpersistence::text,
       has_schema_privilege(n.oid, 'usage'), row_security_active(c.oid),
       (select coalesce(
            array_agg(array[pn.nspname::text, p.relname::text] order by h.inhseqno), '{{}}')
        from pg_inherits h join pg_class p on p.oid = h.inhparent
        join pg_namespace pn on pn.oid = p.relnamespace where h.inhrelid = c.oid),
       a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       case when v.generated <> '' then pg_get_expr(d.adbin, d.adrelid) end,
       v.generated, a.attidentity::text,
       case when a.attcollation <> t.typcollation then k.nspname || '.' || o.collname end,
       has_column_privilege(c.oid, a.attnum, 'select')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join lateral (select coalesce(to_jsonb(a) ->> 'attgenerated', '')) v (generated) on true
left join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
left join pg_collation o on o.oid = a.attcollation
left join pg_namespace k on k.oid = o.collnamespace
where c.relkind in ('r', 'p') and not c.relispartition and {TABLE_SCHEMAS}
order by n.nspname, c.relname, a.attnum
"""  # noqa: S608 - a constant

# a partitioned index counts as usable when every partition, at every level, has its part of it
# and each part is valid: an index made with ON ONLY, or a part that failed to build, is not
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
select i.indexrelid::bigint, n.nspname, x.relname, tn.nspname, c.relname, m.amname, i.indisunique,
       i.indisprimary, coalesce(k.contype::text, ''), coalesce(k.condeferrable, false),
       coalesce(k.condeferred, false),
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
       i.indisvalid and i.indisready and i.indislive and (x.relkind <> 'I' or coalesce((
           select w.usable and w.parts = (select count(*) from partitions p where p.root = c.oid)
           from complete w where w.index = x.oid), false)),
       i.indnkeyatts, pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid)
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_namespace n on n.oid = x.relnamespace
join pg_am m on m.oid = x.relam
join pg_class c on c.oid = i.indrelid
join pg_namespace tn on tn.oid = c.relnamespace
left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
where c.relkind in ('r', 'p') and not c.relispartition and {TABLE_SCHEMAS}
order by 2, 3
"""  # noqa: S608 - a constant

_INDEX_PARTS = f"""
select i.indexrelid::bigint, pg_get_indexdef(i.indexrelid, g.n, false), a.attname,
       q.opcname || coalesce(' ' || own.attoptions::text, ''),
       case when i.indcollation[g.n - 1] <> coalesce(t.typcollation, 0) then o.collname end,
       i.indoption[g.n - 1]
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
cross join generate_series(1, i.indnatts) g (n)
left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[g.n - 1]
left join pg_attribute own on own.attrelid = i.indexrelid and own.attnum = g.n
left join pg_type t on t.oid = own.atttypid
left join pg_opclass q on g.n <= i.indnkeyatts and q.oid = i.indclass[g.n - 1]
left join pg_collation o on g.n <= i.indnkeyatts and o.oid = i.indcollation[g.n - 1]
where c.relkind in ('r', 'p') and not c.relispartition and {TABLE_SCHEMAS}
order by 1, g.n
"""  # noqa: S608 - a constant

_FOREIGN_KEYS = f"""
select k.conname, n.nspname, c.relname, rn.nspname, r.relname,
       (select array_agg(a.attname::text order by u.i)
        from unnest(k.conkey) with ordinality u (c, i)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c),
       (select array_agg(a.attname::text order by u.i)
        from unnest(k.confkey) with ordinality u (c, i)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.c),
       k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text, k.condeferrable,
       k.condeferred, k.convalidated,
       coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) and k.oid not in (
           with recursive silent (oid) as (
               select g.tgconstraint from pg_trigger g
               where g.tgenabled not in ('O', 'A') and g.tgconstraint <> 0
               union
               select p.conparentid from pg_constraint p join silent using (oid)
               where p.conparentid <> 0)
           select oid from silent),
       pg_get_constraintdef(k.oid),
       (select coalesce(array_agg(a.attname::text order by a.attname), '{{}}')
        from jsonb_array_elements_text(nullif(to_jsonb(k) -> 'confdelsetcols', 'null')) u (c)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c::int),
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

# session_replication_role = replica lets no foreign key and no ordinary trigger fire; what one role
# sets for itself is the mover's business, what holds for everybody is not
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
_FIRST_COLUMN = 7  # of what _RELATIONS selects


@dataclass(frozen=True)
class SideCatalog:
    """Everything read of one side; `triggers_off` says where a setting stops all triggers.

    Without slots, because what is looked up often is kept.
    """

    relations: tuple[Relation, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    triggers_off: tuple[str, ...] = ()

    def relation(self, name: RelationName) -> Relation | None:
        """The table of that name, if there is one."""
        return self._relations.get(name)

    def index(self, name: str) -> Index | None:
        """The index `schema.name`, if there is one."""
        return self._indexes.get(name)

    def foreign_key(self, name: str) -> ForeignKey | None:
        """The foreign key `schema.table.constraint`, if there is one."""
        return self._foreign_keys.get(name)

    def indexes_of(self, table: RelationName) -> list[Index]:
        """The indexes of one table."""
        return self._indexes_of.get(table, [])

    def foreign_keys_of(self, table: RelationName) -> list[ForeignKey]:
        """The foreign keys that one table has."""
        return self._foreign_keys_of.get(table, [])

    @cached_property
    def _relations(self) -> dict[RelationName, Relation]:
        return {r.name: r for r in self.relations}

    @cached_property
    def _indexes(self) -> dict[str, Index]:
        return {str(i.name): i for i in self.indexes}

    @cached_property
    def _foreign_keys(self) -> dict[str, ForeignKey]:
        return {f"{k.table}.{k.name}": k for k in self.foreign_keys}

    @cached_property
    def _indexes_of(self) -> dict[RelationName, list[Index]]:
        found = defaultdict[RelationName, list[Index]](list)
        for index in self.indexes:
            found[index.table].append(index)
        return found

    @cached_property
    def _foreign_keys_of(self) -> dict[RelationName, list[ForeignKey]]:
        found = defaultdict[RelationName, list[ForeignKey]](list)
        for key in self.foreign_keys:
            found[key.table].append(key)
        return found


def read_side(connection: Connection, side: str) -> SideCatalog:
    """The catalog of `side`; UnreadableError where the server does not answer."""
    try:
        return SideCatalog(
            tuple(_relations(connection)),
            tuple(_indexes(connection)),
            tuple(_keys(connection)),
            tuple(place for (place,) in connection.execute(_SWITCHED_OFF.encode())),
        )
    except psycopg.Error as error:
        raise UnreadableError(
            f"the catalog of the {side} cannot be read: {describe_error(error)}"
        ) from error


def _relations(connection: Connection) -> Iterable[Relation]:
    heads: dict[RelationName, list[Any]] = {}
    columns: dict[RelationName, list[Column]] = {}
    for row in connection.execute(_RELATIONS.encode()):
        relation, column = RelationName(*row[:2]), row[_FIRST_COLUMN:]
        heads[relation] = row[2:_FIRST_COLUMN]
        found = columns.setdefault(relation, [])
        if column[0] is not None:
            found.append(Column(*column))
    for relation, (kind, persistence, reachable, filtered, parents) in heads.items():
        own = tuple(columns[relation])
        inherits = tuple(RelationName(*parent) for parent in parents)
        yield Relation(relation, kind, persistence, own, reachable, filtered, inherits)


def _indexes(connection: Connection) -> Iterable[Index]:
    parts: dict[int, list[IndexPart]] = {}
    for oid, *part in connection.execute(_INDEX_PARTS.encode()):
        parts.setdefault(oid, []).append(IndexPart(*part))
    for row in connection.execute(_INDEXES.encode()):
        oid, schema, name, table_schema, table, *plain, keys, predicate, definition = row
        own = parts[oid]
        included = tuple(part.plain or part.text for part in own[keys:])
        plain += [tuple(own[:keys]), included, predicate, definition]
        yield Index(RelationName(schema, name), RelationName(table_schema, table), *plain)


def _keys(connection: Connection) -> Iterable[ForeignKey]:
    for row in connection.execute(_FOREIGN_KEYS.encode()):
        name, schema, table, ref_schema, ref_table, columns, ref_columns, *plain = row
        plain[-2:] = [tuple(plain[-2]), tuple((s, o) for s, o in plain[-1])]
        own, referenced = RelationName(schema, table), RelationName(ref_schema, ref_table)
        yield ForeignKey(name, own, tuple(columns), referenced, tuple(ref_columns), *plain)
