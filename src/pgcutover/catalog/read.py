"""The catalog of one side, one query a kind, in the caller's one snapshot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from pgcutover.catalog.model import Column, ForeignKey, Index, IndexPart, Relation
from pgcutover.errors import UnreadableError
from pgcutover.mapping import RelationName
from pgcutover.redact import describe_error

Connection = psycopg.Connection[Any]

# temporary and system schemas hold nothing that migrates
_OURS = (
    "n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> 'pgcutover'"
)

_RELATIONS = f"""
select n.nspname, c.relname, c.relkind::text, c.relpersistence::text,
       a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
       a.attgenerated::text, a.attidentity::text,
       case when a.attcollation <> t.typcollation then k.nspname || '.' || o.collname end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
left join pg_collation o on o.oid = a.attcollation
left join pg_namespace k on k.oid = o.collnamespace
where c.relkind in ('r', 'p') and not c.relispartition and {_OURS}
order by n.nspname, c.relname, a.attnum
"""  # noqa: S608 - a constant

_INDEXES = f"""
select i.indexrelid::bigint, n.nspname, x.relname, tn.nspname, c.relname, m.amname, i.indisunique,
       i.indisprimary, coalesce(k.contype::text, ''), coalesce(k.condeferrable, false),
       coalesce(k.condeferred, false),
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
       i.indisvalid and i.indisready and i.indislive, i.indnkeyatts, i.indnatts,
       pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid)
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_namespace n on n.oid = x.relnamespace
join pg_am m on m.oid = x.relam
join pg_class c on c.oid = i.indrelid
join pg_namespace tn on tn.oid = c.relnamespace
left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
where c.relkind in ('r', 'p') and not c.relispartition and {_OURS}
order by 2, 3
"""  # noqa: S608 - a constant

_INDEX_PARTS = f"""
select i.indexrelid::bigint, g.n, pg_get_indexdef(i.indexrelid, g.n, false), a.attname,
       q.opcname, case when i.indcollation[g.n - 1] <> coalesce(t.typcollation, 0)
                       then o.collname end,
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
where c.relkind in ('r', 'p') and not c.relispartition and {_OURS}
order by 1, 2
"""  # noqa: S608 - a constant

_FOREIGN_KEYS = f"""
select k.conname, n.nspname, c.relname, rn.nspname, r.relname,
       (select array_agg(a.attname::text order by u.i) from unnest(k.conkey) with ordinality u (c, i)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c),
       (select array_agg(a.attname::text order by u.i)
        from unnest(k.confkey) with ordinality u (c, i)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.c),
       k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text, k.condeferrable,
       k.condeferred, k.convalidated,
       coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) and not exists (
           select from pg_trigger g
           where g.tgenabled not in ('O', 'A') and g.tgconstraint in (
               with recursive own (oid) as (
                   select k.oid union all
                   select p.oid from pg_constraint p join own on p.conparentid = own.oid)
               select oid from own)),
       pg_get_constraintdef(k.oid),
       (select coalesce(array_agg(a.attname::text order by a.attname), '{{}}') from pg_attribute a
        where a.attrelid = k.conrelid
          and to_jsonb(k) -> 'confdelsetcols' @> to_jsonb(a.attnum::int))
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class r on r.oid = k.confrelid
join pg_namespace rn on rn.oid = r.relnamespace
where k.contype = 'f' and k.conparentid = 0 and {_OURS}
order by 2, 3, 1
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class SideCatalog:
    """Everything read of one side."""

    relations: tuple[Relation, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]

    def relation(self, name: RelationName) -> Relation | None:
        """The table of that name, if there is one."""
        return next((r for r in self.relations if r.name == name), None)


def read_side(connection: Connection, side: str) -> SideCatalog:
    """The catalog of `side`; UnreadableError where the server does not answer."""
    try:
        return SideCatalog(
            tuple(_relations(connection)), tuple(_indexes(connection)), tuple(_keys(connection))
        )
    except psycopg.Error as error:
        raise UnreadableError(
            f"the catalog of the {side} cannot be read: {describe_error(error)}"
        ) from error


def _relations(connection: Connection) -> Iterable[Relation]:
    heads: dict[RelationName, tuple[str, str]] = {}
    columns: dict[RelationName, list[Column]] = {}
    for schema, name, kind, persistence, *column in connection.execute(_RELATIONS.encode()):
        relation = RelationName(schema, name)
        heads[relation] = (kind, persistence)
        found = columns.setdefault(relation, [])
        if column[0] is not None:
            found.append(Column(*column))
    for relation, head in heads.items():
        yield Relation(relation, *head, tuple(columns[relation]))


def _indexes(connection: Connection) -> Iterable[Index]:
    parts: dict[int, list[IndexPart]] = {}
    for oid, _, *part in connection.execute(_INDEX_PARTS.encode()):
        parts.setdefault(oid, []).append(IndexPart(*part))
    for row in connection.execute(_INDEXES.encode()):
        oid, schema, name, table_schema, table, *middle, keys, _all, predicate, definition = row
        own = parts[oid]
        yield Index(
            RelationName(schema, name),
            RelationName(table_schema, table),
            *middle,
            parts=tuple(own[:keys]),
            included=tuple(part.text for part in own[keys:]),
            predicate=predicate,
            definition=definition,
        )


def _keys(connection: Connection) -> Iterable[ForeignKey]:
    for row in connection.execute(_FOREIGN_KEYS.encode()):
        name, schema, table, ref_schema, ref_table, columns, ref_columns, *rest = row
        *rest, set_columns = rest
        yield ForeignKey(
            name,
            RelationName(schema, table),
            tuple(columns),
            RelationName(ref_schema, ref_table),
            tuple(ref_columns),
            *rest,
            on_delete_columns=tuple(set_columns),
        )
