"""Constraints of tables, and indexes."""

from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension

_SCOPE = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"

# constraints that are only inherited are listed at the parent
_CONSTRAINT = """
select format('%I.%I.%I', n.nspname, c.relname, k.conname), format('%I.%I', n.nspname, c.relname),
       format('alter table %I.%I add constraint %I %s', n.nspname, c.relname, k.conname,
              pg_get_constraintdef(k.oid)),
       jsonb_build_object(
           'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
           'columns', {columns},
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


def _columns(numbers: str, relation: str) -> str:
    """Return SQL for the names of some columns of a relation, in the order given."""
    return f"""(select coalesce(array_agg(a.attname::text order by u.i), '{{}}')
               from unnest({numbers}) with ordinality u (c, i)
               join pg_attribute a on a.attrelid = {relation} and a.attnum = u.c)"""  # noqa: S608


_CHECK = """,
           'expression', pg_get_expr(k.conbin, k.conrelid),
           'no_inherit', k.connoinherit"""
# a foreign key with disabled triggers enforces nothing; deferrable unique constraints use a
# trigger, too
_FIRING = """,
           'firing', k.oid not in (
               with recursive silent (oid) as (
                   select g.tgconstraint from pg_trigger g
                   where g.tgenabled not in ('O', 'A') and g.tgconstraint <> 0
                   union
                   select p.conparentid from pg_constraint p join silent using (oid)
                   where p.conparentid <> 0)
               select oid from silent)"""
_ACTION = """case {} when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade'
               when 'n' then 'set null' when 'd' then 'set default' end"""
_REFERENCE = f"""{_FIRING},
           'referenced_table', (
               select format('%I.%I', rn.nspname, r.relname)
               from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
               where r.oid = k.confrelid),
           'referenced_columns', {_columns("k.confkey", "k.confrelid")},
           'on_update', {_ACTION.format("k.confupdtype")},
           'on_delete', {_ACTION.format("k.confdeltype")},
           'on_delete_columns', (
               select coalesce(array_agg(a.attname::text order by a.attname), '{{}}')
               from jsonb_array_elements_text(nullif(to_jsonb(k) -> 'confdelsetcols', 'null')) u (c)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c::int),
           'match', case k.confmatchtype when 's' then 'simple' when 'f' then 'full'
               when 'p' then 'partial' end"""  # noqa: S608 - a constant


def _constraint(kind: str, contype: str, more: str = "") -> Kind:
    columns = _columns("k.conkey", "k.conrelid")
    return Kind(kind, _CONSTRAINT.format(contype=contype, columns=columns, more=more, ours=_SCOPE))


def _index_columns(first: str, last: str) -> str:
    return f"""(
               select coalesce(array_agg(coalesce(quote_ident(a.attname),
                                                  pg_get_indexdef(x.oid, o, false)) order by o),
                               '{{}}')
               from generate_series({first}, {last}) o
               left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[o - 1])"""  # noqa: S608


# Storage parameters are removed from the definition, because kind `storage` compares them. ONLY is
# removed, because PostgreSQL prints it for every partitioned index. A partitioned index is usable
# if every partition, at every level, has a valid part. `offset 0` evaluates expensive expressions
# once.
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
           'method', (select amname from pg_am where oid = x.relam),
           'columns', {_index_columns("1", "i.indnkeyatts")},
           'included', {_index_columns("i.indnkeyatts + 1", "i.indnatts")},
           'predicate', pg_get_expr(i.indpred, i.indrelid),
           'unique', i.indisunique,
           'nulls_not_distinct',
               coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
           'constraint', quote_ident(k.conname),
           'usable', i.indisvalid and i.indisready and i.indislive and (x.relkind <> 'I' or
               coalesce(w.usable and w.parts = r.parts, false)),
           'clustered', i.indisclustered,
           'replica_identity', i.indisreplident,
           'statistics_targets', (
               select coalesce(array_agg(format('%s: %s', a.attnum, a.attstattarget)
                                         order by a.attnum), '{{}}')
               from pg_attribute a
               where a.attrelid = x.oid and a.attstattarget is not null and a.attstattarget >= 0))
from pg_index i
join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
join pg_class c on c.oid = i.indrelid join pg_namespace tn on tn.oid = c.relnamespace
left join pg_constraint k on k.conindid = x.oid and k.contype in ('p', 'u', 'x')
left join complete w on w.index = x.oid
left join relations r on r.root = c.oid
cross join lateral (select replace(pg_get_indexdef(x.oid), quote_ident(x.relname) || ' ON ONLY ',
                                   quote_ident(x.relname) || ' ON ') offset 0) whole (text)
cross join lateral (select coalesce(replace(whole.text, ' WITH (' || (
    select string_agg(name || '=' || case when quote_ident(value) = value then value
                                     else quote_literal(value) end, ', ' order by position)
    from unnest(x.reloptions) with ordinality o (text, position)
    cross join lateral (select split_part(text, '=', 1), substr(text, strpos(text, '=') + 1))
        s (name, value)) || ')', ''), whole.text) offset 0) d (text)
where not exists (select from pg_inherits h where h.inhrelid = x.oid)
  and c.relkind in ('r', 'p', 'm') and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

KINDS = (
    _constraint("check", "c", _CHECK),
    _constraint("unique", "u", _FIRING),
    _constraint("primary_key", "p", _FIRING),
    _constraint("exclusion", "x", _FIRING),
    _constraint("foreign_key", "f", _REFERENCE),
    Kind("index", _INDEX),
)
