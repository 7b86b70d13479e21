"""Constraints of tables, and indexes."""

from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension

_OURS = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"

# what a partition or child only inherits is its parent's; with what it adds it is listed
_CONSTRAINT = """
select format('%I.%I.%I', n.nspname, c.relname, k.conname), format('%I.%I', n.nspname, c.relname),
       format('alter table %I.%I add constraint %I %s', n.nspname, c.relname, k.conname,
              pg_get_constraintdef(k.oid)),
       jsonb_build_object(
           'definition', pg_get_constraintdef(k.oid),
           'validated', k.convalidated,
           'deferrable', k.condeferrable,
           'deferred', k.condeferred,
           'enforced', coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true){more})
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = '{contype}' and k.conparentid = 0 and (k.conislocal or k.coninhcount = 0)
  and {ours}
order by 1
"""
# a key whose triggers are switched off is there, and enforces nothing
_FIRING = """,
           'firing', not exists (
               with recursive own (oid) as (
                   select k.oid union all
                   select p.oid from pg_constraint p join own on p.conparentid = own.oid)
               select from pg_trigger g join own on g.tgconstraint = own.oid
               where g.tgenabled not in ('O', 'A'))"""


def _constraint(kind: str, contype: str, more: str = "") -> Kind:
    return Kind(kind, _CONSTRAINT.format(contype=contype, more=more, ours=_OURS))


# storage parameters are the kind `storage`'s, so they are taken out of the definition again; a
# partitioned index is usable when every partition, at every level, has its valid part of it
_INDEX = f"""
with recursive
partitions (root, relation) as (
    select oid, oid from pg_class where relkind = 'p'
    union all
    select p.root, h.inhrelid from partitions p
    join pg_inherits h on h.inhparent = p.relation
    join pg_class c on c.oid = h.inhrelid and c.relkind in ('r', 'p')
),
index_parts (root, index) as (
    select x.oid, x.oid from pg_class x where x.relkind = 'I'
    union all
    select p.root, h.inhrelid from index_parts p join pg_inherits h on h.inhparent = p.index
),
complete (index, parts, usable) as (
    select p.root, count(*), bool_and(i.indisvalid and i.indisready and i.indislive)
    from index_parts p join pg_index i on i.indexrelid = p.index group by 1
),
relations (root, parts) as (select root, count(*) from partitions group by 1)
select format('%I.%I', n.nspname, x.relname), format('%I.%I', tn.nspname, c.relname), d.text,
       jsonb_build_object(
           'definition', d.text,
           'unique', i.indisunique,
           'constraint', (select format('%I', k.conname) from pg_constraint k
                          where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
           'usable', i.indisvalid and i.indisready and i.indislive and (x.relkind <> 'I' or
               coalesce(w.usable and w.parts = r.parts, false)),
           'clustered', i.indisclustered,
           'replica_identity', i.indisreplident)
from pg_index i
join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
join pg_class c on c.oid = i.indrelid join pg_namespace tn on tn.oid = c.relnamespace
left join complete w on w.index = x.oid
left join relations r on r.root = c.oid
cross join lateral (select replace(pg_get_indexdef(x.oid), ' WITH (' || (
    select string_agg(name || '=' || case when quote_ident(value) = value then value
                                     else quote_literal(value) end, ', ' order by position)
    from unnest(x.reloptions) with ordinality o (text, position)
    cross join lateral (select split_part(text, '=', 1), substr(text, strpos(text, '=') + 1))
        s (name, value)) || ')', '')) stripped (text)
cross join lateral (select coalesce(stripped.text, pg_get_indexdef(x.oid))) d (text)
where not exists (select from pg_inherits h where h.inhrelid = x.oid)
  and c.relkind in ('r', 'p', 'm') and {_OURS}
order by 1
"""  # noqa: S608 - a constant

KINDS = (
    _constraint("check", "c"),
    _constraint("unique", "u"),
    _constraint("primary_key", "p"),
    _constraint("exclusion", "x"),
    _constraint("foreign_key", "f", _FIRING),
    Kind("index", _INDEX),
)
