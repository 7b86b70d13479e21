"""What happens by itself on a table, and who may see which rows: triggers, rules, policies."""

from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension

_OURS = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"
_ENABLED = """case {} when 'O' then 'yes' when 'D' then 'no' when 'R' then 'on replicas only'
           else 'always' end"""

_TRIGGER = f"""
select format('%I.%I.%I', n.nspname, c.relname, t.tgname), format('%I.%I', n.nspname, c.relname),
       pg_get_triggerdef(t.oid),
       jsonb_build_object(
           'definition', pg_get_triggerdef(t.oid),
           'enabled', {_ENABLED.format("t.tgenabled")})
from pg_trigger t
join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal and coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0' and {_OURS}
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
where r.rulename <> '_RETURN' and {_OURS}
order by 1
"""  # noqa: S608 - a constant

_ROLES = """(select array_agg(coalesce(pg_get_userbyid(nullif(o, 0)), 'public')
                              order by coalesce(pg_get_userbyid(nullif(o, 0)), 'public'))
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
where {_OURS}
order by 1
"""  # noqa: S608 - a constant

KINDS = (
    Kind("trigger", _TRIGGER),
    Kind("rule", _RULE),
    Kind("policy", _POLICY),
)
