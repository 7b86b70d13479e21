"""Roles, and the settings of roles, the database and the server.

Passwords are never read. A setting with a dot in its name is defined by the application and may be
a secret, so only a digest of its value is read.
"""

from pgcutover.schema.kinds.model import OWN_ROLES, SERVICE_ROLES, Kind

_ROLES = f"r.rolname !~ {OWN_ROLES}"

# A role is used here if it owns an object, has a privilege or settings, or is connected; so are
# roles that are members of such a role, or that have one as a member. All others belong to other
# databases of the same server.
_UNUSED = """not exists (
    select from (
        select d.refobjid as oid from pg_shdepend d
        where d.refclassid = 'pg_authid'::regclass and (d.dbid = this.oid
            or (d.classid = 'pg_database'::regclass and d.objid = this.oid))
        union select s.setrole from pg_db_role_setting s where s.setdatabase = this.oid
        union select a.usesysid from pg_stat_activity a
            where a.datid = this.oid and a.pid <> pg_backend_pid()
        union select this.datdba) b
    join pg_roles u on u.oid = b.oid
    where pg_has_role(r.oid, u.oid, 'member')
       or (not u.rolsuper and pg_has_role(u.oid, r.oid, 'member')))"""

# before 16 a membership had no options: the member's INHERIT attribute applied
ROLES = Kind(
    "role",
    f"""
select quote_ident(r.rolname), '',
       concat_ws(' ', format('create role %I', r.rolname),
                 case when r.rolsuper then 'superuser' end,
                 case when not r.rolinherit then 'noinherit' end,
                 case when r.rolcreaterole then 'createrole' end,
                 case when r.rolcreatedb then 'createdb' end,
                 case when r.rolcanlogin then 'login' end,
                 case when r.rolreplication then 'replication' end,
                 case when r.rolbypassrls then 'bypassrls' end,
                 'connection limit ' || nullif(r.rolconnlimit, -1),
                 'valid until ' || quote_literal(nullif(r.rolvaliduntil, 'infinity'))),
       jsonb_build_object(
           'superuser', r.rolsuper,
           'inherit', r.rolinherit,
           'createrole', r.rolcreaterole,
           'createdb', r.rolcreatedb,
           'canlogin', r.rolcanlogin,
           'replication', r.rolreplication,
           'bypassrls', r.rolbypassrls,
           'connection_limit', nullif(r.rolconnlimit, -1),
           'valid_until', nullif(r.rolvaliduntil, 'infinity')::text,
           'member_of', (
               select coalesce(jsonb_agg(w.words order by w.words collate "C"), '[]')
               from (select concat_ws(' ', quote_ident(pg_get_userbyid(m.roleid)),
                         case when bool_or(m.admin_option) then 'with admin option' end,
                         case when not bool_or(coalesce(
                             (to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit))
                             then 'without inherit' end,
                         case when not bool_or(coalesce(
                             (to_jsonb(m) ->> 'set_option')::boolean, true))
                             then 'without set' end) as words
                     from pg_auth_members m
                     where m.member = r.oid and pg_get_userbyid(m.roleid) !~ {SERVICE_ROLES}
                     group by m.roleid) w),
           'unused_here', {_UNUSED})
from pg_roles r join pg_database this on this.datname = current_database()
where {_ROLES}
order by 1
""",  # noqa: S608 - a constant
)

# lists of names are stored with SQL quotes; as a literal they would be one name
_UNITS = """(values
    ('us', 0.001, 1), ('ms', 1, 1), ('s', 1e3, 1), ('min', 6e4, 1), ('h', 36e5, 1), ('d', 864e5, 1),
    ('B', 1, 2), ('kB', 1024, 2), ('8kB', 8192, 2), ('MB', 1048576, 2), ('GB', 1073741824, 2),
    ('TB', 1099511627776, 2)) f (unit, base, family)"""
# normalizes equal values, such as 30000, 30s and 30000ms, or off and false, to the form of SHOW
_SHOWN = rf"""case
    when g.vartype = 'bool' and p.plain ~* '^(on|true|yes|1)$' then 'on'
    when g.vartype = 'bool' and p.plain ~* '^(off|false|no|0)$' then 'off'
    else coalesce((
        select coalesce((
            select (q.amount / f.base)::bigint || f.unit from {_UNITS}
            where f.family = q.family and f.unit <> '8kB' and q.amount > 0
              and mod(q.amount, f.base::numeric) = 0
            order by f.base desc limit 1), case when q.amount = 0 then '0' end)
        from (select m.words[1]::numeric * f.base::numeric as amount, f.family
              from regexp_match(p.plain, '^ *([0-9]+) *([A-Za-z]*) *$') m (words)
              join {_UNITS} on f.unit = coalesce(nullif(m.words[2], ''), g.unit)) q),
        p.plain) end"""  # noqa: S608 - constants
_SETTING = f"""cross join lateral (
    select split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as plain
    from unnest(s.setconfig) c) p
left join pg_settings g on g.name = p.name
cross join lateral (
    select case when p.name like '%.%' then
                'digest ' || left(encode(sha256(convert_to(p.plain, 'UTF8')), 'hex'), 8)
                else {_SHOWN} end as value) v
cross join lateral (
    select case when p.name in ('search_path', 'temp_tablespaces', 'local_preload_libraries',
                                'session_preload_libraries') then p.plain
                else quote_literal(p.plain) end as words) w"""  # noqa: S608 - constants

ROLE_SETTINGS = Kind(
    "role_setting",
    f"""
select format('%s of %s in %s', p.name, o.role, o.scope), '',
       case when p.name not like '%.%' then format('alter role %s%s set %I to %s',
           case when s.setrole = 0 then 'all' else o.role end,
           case when s.setdatabase <> 0 then format(' in database %I', current_database()) end,
           p.name, w.words) else '' end,
       jsonb_build_object('value', v.value)
from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole
cross join lateral (
    select coalesce(quote_ident(r.rolname), 'every role') as role,
           case when s.setdatabase = 0 then 'every database' else 'this database' end as scope) o
{_SETTING}
where (s.setdatabase = 0 or (s.setrole <> 0 and s.setdatabase = (
          select d.oid from pg_database d where d.datname = current_database())))
  and (s.setrole = 0 or {_ROLES})
order by 1
""",  # noqa: S608 - a constant
)

DATABASE_SETTINGS = Kind(
    "database_setting",
    f"""
select p.name, '',
       case when p.name not like '%.%' then
           format('alter database %I set %I to %s', current_database(), p.name, w.words)
       else '' end,
       jsonb_build_object('value', v.value)
from pg_db_role_setting s
{_SETTING}
where s.setrole = 0
  and s.setdatabase = (select d.oid from pg_database d where d.datname = current_database())
order by 1
""",  # noqa: S608 - a constant
)

# settings that change the results of statements, or make them fail
_NAMES = (
    "array_nulls",
    "backslash_quote",
    "bytea_output",
    "check_function_bodies",
    "DateStyle",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "default_toast_compression",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "escape_string_warning",
    "event_triggers",
    "extra_float_digits",
    "gin_fuzzy_search_limit",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "ignore_system_indexes",
    "IntervalStyle",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lo_compat_privileges",
    "lock_timeout",
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "quote_all_identifiers",
    "row_security",
    "search_path",
    "session_replication_role",
    "standard_conforming_strings",
    "statement_timeout",
    "synchronous_commit",
    "TimeZone",
    "timezone_abbreviations",
    "transaction_timeout",
    "transform_null_equals",
    "wal_level",
    "xmlbinary",
    "xmloption",
    "zero_damaged_pages",
)
# settings that are disabled for a load and may stay so; the target may have more of them enabled
_SWITCHES = ("autovacuum", "fsync", "track_commit_timestamp")
# settings that a managed service decides, and settings of the planner: warnings
_TOLD = "^(enable_.*|plan_cache_mode|full_page_writes|temp_file_limit)$"
# older servers lack these settings and behave as newer ones do by default
_NEWER = "('event_triggers', 'on'), ('idle_session_timeout', '0'), ('transaction_timeout', '0')"
_NAMED, _SWITCHED = (", ".join(f"'{name}'" for name in names) for names in (_NAMES, _SWITCHES))

# reset_val is the session's initial value: the server's, overridden by the database's, then by our
# role's (and by PGTZ or PGOPTIONS of the environment). A setting of our role says nothing about
# other roles, so then no value is read.
SERVER_SETTINGS = Kind(
    "server_setting",
    f"""
select s.name, '', '', jsonb_build_object(
           case when s.name in ({_SWITCHED}) then 'switch'
                when s.name in ({_NAMED}) then 'value' else 'told' end,
           case when not o.hidden then s.reset_val || case
               when s.vartype = 'integer' and s.reset_val::bigint > 0 and s.unit is not null
               then ' ' || s.unit else '' end end,
           'hidden_by_our_role', o.hidden)
from pg_settings s
cross join lateral (
    select exists (
        select from pg_db_role_setting d cross join unnest(d.setconfig) c
        where lower(split_part(c, '=', 1)) = lower(s.name)
          and d.setrole = (select r.oid from pg_roles r where r.rolname = session_user)
          and d.setdatabase in (0, (select b.oid from pg_database b
                                    where b.datname = current_database()))) as hidden) o
where s.name in ({_NAMED}, {_SWITCHED}) or s.name ~ '{_TOLD}'
union all
select d.name, '', '', jsonb_build_object('value', d.value, 'hidden_by_our_role', false)
from (values {_NEWER}) d (name, value)
where not exists (select from pg_settings s where s.name = d.name)
order by 1
""",  # noqa: S608 - a constant
)

CLUSTER_KINDS = (ROLES, ROLE_SETTINGS, DATABASE_SETTINGS, SERVER_SETTINGS)
