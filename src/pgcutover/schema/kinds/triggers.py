"""Triggers, rules and row-level security policies of tables."""

from pgcutover.schema.explained.own_triggers import NOT_OWN_TRIGGER
from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension

_SCOPE = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"
_ENABLED = """case {} when 'O' then 'yes' when 'D' then 'no' when 'R' then 'on replicas only'
           else 'always' end"""

# a partition has a clone of its parent's trigger, which can be disabled separately
_TRIGGER = f"""
with recursive
clones (oid, parent, tgrelid, tgenabled) as (
    select g.oid, (to_jsonb(g) ->> 'tgparentid')::oid, g.tgrelid, g.tgenabled from pg_trigger g
    where to_jsonb(g) ->> 'tgparentid' <> '0'
),
family (root, oid, tgrelid, tgenabled) as (
    select parent, oid, tgrelid, tgenabled from clones union all
    select f.root, l.oid, l.tgrelid, l.tgenabled from family f join clones l on l.parent = f.oid
),
unlike (root, partitions) as (
    select f.root, array_agg(format('%I.%I: %s', pn.nspname, p.relname,
                                    {_ENABLED.format("f.tgenabled")})
                             order by pn.nspname, p.relname)
    from family f join pg_trigger r on r.oid = f.root and r.tgenabled <> f.tgenabled
    join pg_class p on p.oid = f.tgrelid join pg_namespace pn on pn.oid = p.relnamespace
    group by 1
)
select format('%I.%I.%I', n.nspname, c.relname, t.tgname), format('%I.%I', n.nspname, c.relname),
       pg_get_triggerdef(t.oid),
       jsonb_build_object(
           'definition', pg_get_triggerdef(t.oid),
           'enabled', {_ENABLED.format("t.tgenabled")},
           'enabled_unlike_parent', coalesce(u.partitions, '{{}}'))
from pg_trigger t
join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
left join unlike u on u.root = t.oid
where not t.tgisinternal and coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0' and {_SCOPE}
  and {NOT_OWN_TRIGGER}
order by 1
"""  # noqa: S608 - a constant

_RULE = f"""
select format('%I.%I.%I', n.nspname, c.relname, r.rulename), format('%I.%I', n.nspname, c.relname),
       rtrim(pg_get_ruledef(r.oid), ';'),
       jsonb_build_object(
           'definition', pg_get_ruledef(r.oid),
           'enabled', {_ENABLED.format("r.ev_enabled")})
from pg_rewrite r
join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

_ROLES = """(select array_agg(case o when 0 then 'public' else quote_ident(pg_get_userbyid(o)) end
                              order by o <> 0, pg_get_userbyid(o))
             from unnest(p.polroles) o)"""
_COMMAND = """case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
           when 'd' then 'delete' else 'all' end"""

_POLICY = f"""
select format('%I.%I.%I', n.nspname, c.relname, p.polname), format('%I.%I', n.nspname, c.relname),
       format('create policy %I on %I.%I as %s for %s to %s%s%s', p.polname, n.nspname, c.relname,
              case when p.polpermissive then 'permissive' else 'restrictive' end, {_COMMAND},
              array_to_string({_ROLES}, ', '),
              ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
              ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
       jsonb_build_object(
           'command', {_COMMAND},
           'permissive', p.polpermissive,
           'roles', {_ROLES},
           'using', pg_get_expr(p.polqual, p.polrelid),
           'with_check', pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy p
join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

KINDS = (
    Kind("trigger", _TRIGGER),
    Kind("rule", _RULE),
    Kind("policy", _POLICY),
)
