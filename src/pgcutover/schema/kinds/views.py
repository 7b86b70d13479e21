"""Views, materialized views, and sequences."""

from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension

_SCOPE = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"

# off is the default, and on has other spellings
_OPTIONS = """(
    select coalesce(array_agg(w.words order by w.words collate "C"), '{}')
    from unnest(c.reloptions) o
    cross join lateral (
        select case when o ~ '^security_' and split_part(o, '=', 2)::boolean
                        then split_part(o, '=', 1) || '=true'
                    when o !~ '^security_' then o end) w (words)
    where w.words is not null)"""

_VIEW = f"""
select format('%I.%I', n.nspname, c.relname), '',
       format('create or replace view %I.%I%s as %s', n.nspname, c.relname,
              ' with (' || array_to_string(c.reloptions, ', ') || ')',
              rtrim(pg_get_viewdef(c.oid), ';')),
       jsonb_build_object(
           'query', pg_get_viewdef(c.oid),
           'options', {_OPTIONS})
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

_MATERIALIZED = f"""
select format('%I.%I', n.nspname, c.relname), '',
       format('create materialized view %I.%I as %s', n.nspname, c.relname,
              rtrim(pg_get_viewdef(c.oid), ';')),
       jsonb_build_object(
           'query', pg_get_viewdef(c.oid),
           'access_method', (select amname from pg_am where oid = c.relam))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

_OWNER = """quote_ident(tn.nspname) || '.' || quote_ident(t.relname) || '.'
               || quote_ident(a.attname)"""

# the definition of an identity column creates its sequence
_SEQUENCE = f"""
select format('%I.%I', n.nspname, c.relname),
       coalesce(quote_ident(tn.nspname) || '.' || quote_ident(t.relname), ''),
       case when d.deptype is distinct from 'i' then concat_ws(' ',
           format('create %ssequence %I.%I as %s',
                  case c.relpersistence when 'u' then 'unlogged ' else '' end,
                  n.nspname, c.relname, format_type(s.seqtypid, null)),
           format('increment %s minvalue %s maxvalue %s start %s cache %s',
                  s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache),
           case when s.seqcycle then 'cycle' end,
           'owned by ' || {_OWNER}) else '' end,
       jsonb_build_object(
           'type', format_type(s.seqtypid, null),
           'start', s.seqstart::text,
           'increment', s.seqincrement::text,
           'minimum', s.seqmin::text,
           'maximum', s.seqmax::text,
           'cycle', s.seqcycle,
           'cache', s.seqcache::text,
           'persistence', case c.relpersistence when 'u' then 'unlogged' else 'permanent' end,
           'owned_by', {_OWNER},
           'identity', d.deptype is not distinct from 'i')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_sequence s on s.seqrelid = c.oid
left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
     and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
left join pg_class t on t.oid = d.refobjid left join pg_namespace tn on tn.oid = t.relnamespace
left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

KINDS = (
    Kind("view", _VIEW),
    Kind("materialized_view", _MATERIALIZED),
    Kind("sequence", _SEQUENCE),
)
