"""Built-in and extension objects that were altered after creation.

pg_dump writes only their changed privileges, so all other changes are compared with the source.
"""

from pgcutover.schema.kinds.model import OWN_ROLES, Kind

# initdb assigns the oids below this
_BUILT_IN = "16384"
_WITH_RIGHTS = (
    ("pg_class", "rel", "case o.relkind when 'S' then 's' else 'r' end"),
    ("pg_proc", "pro", "'f'"),
    ("pg_type", "typ", "'T'"),
    ("pg_language", "lan", "'l'"),
    ("pg_foreign_data_wrapper", "fdw", "'F'"),
    ("pg_foreign_server", "srv", "'S'"),
    ("pg_namespace", "nsp", "'n'"),
)
_OBJECTS = "\nunion all".join(
    f"""
select '{name}'::regclass, o.oid, o.{prefix}owner, o.{prefix}acl, {letter}
from {name} o where o.{prefix}acl is not null"""  # noqa: S608 - constants
    for name, prefix, letter in _WITH_RIGHTS
)
_MEMBER = """exists (select from pg_depend e where e.deptype = 'e'
                  and e.classid = o.catalog and e.objid = o.oid)"""


_INITIAL = 'coalesce(p.initprivs, acldefault(o.letter::"char", o.owner))'


def _privileges(acl: str, initial: str) -> str:
    return f"""
            select b.grantee, b.privilege_type || case when bool_or(b.is_grantable) then '*' else ''
                   end as privilege, {initial} as initial
            from aclexplode({acl}) b group by b.grantee, b.privilege_type"""  # noqa: S608


def _grant(condition: str, ending: str) -> str:
    return f"""(
           select 'grant ' || string_agg(lower(rtrim(p, '*')), ', ' order by p)
                  || format(' on %s to %s{ending}', g.thing, g.role)
           from unnest(g.privileges) p where {condition})"""  # noqa: S608 - constants


def _changed_grants(name: str, condition: str) -> Kind:
    """Return the kind of privileges that differ from the initial ones, except of service roles.

    `initially` are the initial privileges: the definition revokes them and grants the current ones.
    """
    return Kind(
        name,
        f"""
select format('%s to %s', replace(g.thing, 'pg_catalog.', ''), g.role), '',
       concat_ws('; ', format('revoke all on %s from %s', g.thing, g.role),
                 {_grant("p !~ '[*]$'", "")},
                 {_grant("p ~ '[*]$'", " with grant option")}),
       jsonb_build_object('privileges', to_jsonb(g.privileges), 'initially', to_jsonb(g.initially))
from (
    select case o.letter when 'r' then 'table' when 'f' then 'routine' when 'S' then
               'foreign server' else replace(i.type, '-', ' ') end || ' ' || i.identity as thing,
           case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
               as role,
           coalesce(a.found, '{{}}') as privileges, coalesce(a.initial, '{{}}') as initially
    from ({_OBJECTS}) o (catalog, oid, owner, acl, letter)
    left join pg_init_privs p
        on p.classoid = o.catalog and p.objoid = o.oid and p.objsubid = 0
    cross join lateral (
        select c.grantee,
               array_agg(c.privilege order by c.privilege) filter (where not c.initial) as found,
               array_agg(c.privilege order by c.privilege) filter (where c.initial) as initial
        from ({_privileges("o.acl", "false")} union all {_privileges(_INITIAL, "true")}) c
        group by c.grantee) a
    cross join lateral pg_identify_object(o.catalog, o.oid, 0) i
    where {condition} and o.acl is distinct from p.initprivs
      and a.grantee <> o.owner and a.found is distinct from a.initial) g
where g.role !~ {OWN_ROLES}
order by 1
""",  # noqa: S608 - a constant
    )


EXTENSION_GRANTS = _changed_grants("extension_grant", _MEMBER)
SYSTEM_GRANTS = _changed_grants(
    "system_grant",
    f"""not {_MEMBER} and o.oid < {_BUILT_IN}
      and coalesce(i.schema, i.identity) not in ('public', 'information_schema')""",
)

KINDS = (EXTENSION_GRANTS, SYSTEM_GRANTS)

# a common workaround for "column is of type boolean but ..." updates pg_cast directly
SYSTEM_CASTS = Kind(
    "system_cast",
    f"""
select format('(%s as %s)', format_type(c.castsource, null), format_type(c.casttarget, null)), '',
       '', jsonb_build_object(
           'context', case c.castcontext when 'i' then 'implicit' when 'a' then 'assignment'
                                         else 'explicit' end)
from pg_cast c
where c.oid < {_BUILT_IN}
order by 1
""",  # noqa: S608 - a constant
)

SYSTEM_CONFIGURATIONS = Kind(
    "system_text_search_configuration",
    """
select quote_ident(c.cfgname), '', '', jsonb_build_object('mappings', (
           select coalesce(jsonb_agg(w.words order by w.words collate "C"), '[]')
           from (select t.alias || ': ' || string_agg(m.mapdict::regdictionary::text, ', '
                                                      order by m.mapseqno) as words
                 from pg_ts_config_map m
                 join ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
                 where m.mapcfg = c.oid group by t.alias) w))
from pg_ts_config c
where c.cfgnamespace = 'pg_catalog'::regnamespace
order by 1
""",
)

SYSTEM_DICTIONARIES = Kind(
    "system_text_search_dictionary",
    """
select quote_ident(d.dictname), '', '', jsonb_build_object('options', d.dictinitoption)
from pg_ts_dict d
where d.dictnamespace = 'pg_catalog'::regnamespace
order by 1
""",
)

SYSTEM_ROUTINES = Kind(
    "system_routine",
    f"""
select p.oid::regprocedure::text, '', '', jsonb_build_object('body', p.prosrc)
from pg_proc p
where p.pronamespace = 'pg_catalog'::regnamespace and p.oid >= {_BUILT_IN}
  and not exists (select from pg_depend e where e.deptype in ('e', 'i')
                  and e.classid = 'pg_proc'::regclass and e.objid = p.oid)
order by 1
""",  # noqa: S608 - a constant
)

# without the bootstrap superuser (oid 10), who has all of them
PARAMETER_GRANTS = Kind(
    "parameter_grant",
    f"""
select format('%s to %s', g.thing, g.role), '',
       concat_ws('; ', {_grant("p !~ '[*]$'", "")},
                 {_grant("p ~ '[*]$'", " with grant option")}),
       jsonb_build_object('privileges', to_jsonb(g.privileges))
from (
    select 'parameter ' || p.parname as thing, r.role,
           array_agg(distinct a.privilege_type || case when a.is_grantable then '*' else '' end)
               as privileges
    from pg_parameter_acl p
    cross join lateral aclexplode(p.paracl) a
    cross join lateral (select case a.grantee when 0 then 'public' else
                               quote_ident(pg_get_userbyid(a.grantee)) end) r (role)
    where a.grantee <> 10 and r.role !~ {OWN_ROLES}
    group by 1, 2) g
order by 1
""",  # noqa: S608 - a constant
    since=150000,
)

CLUSTER_KINDS = (
    SYSTEM_CASTS,
    SYSTEM_CONFIGURATIONS,
    SYSTEM_DICTIONARIES,
    SYSTEM_ROUTINES,
    PARAMETER_GRANTS,
)
