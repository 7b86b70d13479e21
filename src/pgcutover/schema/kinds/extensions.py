"""Extensions, foreign data wrappers, foreign servers and user mappings.

Option values may be secrets: only digests are read for wrappers and servers, nothing for user
mappings.
"""

from pgcutover.schema.kinds.model import Kind, not_of_an_extension


def _option_names(options: str) -> str:
    names = "coalesce(jsonb_agg(split_part(o, '=', 1) order by o collate \"C\"), '[]')"
    return f"(select {names} from unnest({options}) o)"  # noqa: S608 - constants


def _option_values(options: str) -> str:
    value = "sha256(convert_to(substr(o, strpos(o, '=') + 1), 'UTF8'))"
    told = f"split_part(o, '=', 1) || ': digest ' || left(encode({value}, 'hex'), 8)"
    listed = f"coalesce(jsonb_agg({told} order by o collate \"C\"), '[]')"
    return f"(select {listed} from unnest({options}) o)"  # noqa: S608 - constants


# members are not compared: they say which names follow an extension into another schema
EXTENSIONS = Kind(
    "extension",
    """
select quote_ident(e.extname), '', format('create extension %I schema %I', e.extname, n.nspname),
       jsonb_build_object(
           'schema', quote_ident(n.nspname), 'version', e.extversion,
           'members', (
               select coalesce(jsonb_agg(distinct m.name), '[]')
               from pg_depend d
               cross join lateral (
                   select quote_ident(typname) from pg_type
                   where oid = d.objid and d.classid = 'pg_type'::regclass
                   union all
                   select quote_ident(proname) from pg_proc
                   where oid = d.objid and d.classid = 'pg_proc'::regclass
                   union all
                   select quote_ident(opcname) from pg_opclass
                   where oid = d.objid and d.classid = 'pg_opclass'::regclass
                   union all
                   select oprname from pg_operator
                   where oid = d.objid and d.classid = 'pg_operator'::regclass) m (name)
               where d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
                 and d.deptype = 'e'))
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
order by 1
""",
)

WRAPPERS = Kind(
    "foreign_data_wrapper",
    f"""
select quote_ident(w.fdwname), '',
       concat_ws(' ', format('create foreign data wrapper %I', w.fdwname),
                 'handler ' || nullif(w.fdwhandler, 0)::regproc::text,
                 'validator ' || nullif(w.fdwvalidator, 0)::regproc::text),
       jsonb_build_object(
           'handler', nullif(w.fdwhandler, 0)::regprocedure::text,
           'validator', nullif(w.fdwvalidator, 0)::regprocedure::text,
           'option_names', {_option_names("w.fdwoptions")},
           'option_values', {_option_values("w.fdwoptions")})
from pg_foreign_data_wrapper w
where {not_of_an_extension("pg_foreign_data_wrapper", "w.oid")}
order by 1
""",  # noqa: S608 - a constant
)

SERVERS = Kind(
    "foreign_server",
    f"""
select quote_ident(s.srvname), '',
       concat_ws(' ', format('create server %I', s.srvname), 'type ' || quote_literal(s.srvtype),
                 'version ' || quote_literal(s.srvversion),
                 format('foreign data wrapper %I', w.fdwname)),
       jsonb_build_object(
           'wrapper', quote_ident(w.fdwname),
           'type', s.srvtype,
           'version', s.srvversion,
           'option_names', {_option_names("s.srvoptions")},
           'option_values', {_option_values("s.srvoptions")})
from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where {not_of_an_extension("pg_foreign_server", "s.oid")}
order by 1
""",  # noqa: S608 - a constant
)

# only the server's owner may read a mapping's options, so only its existence is compared
USER_MAPPINGS = Kind(
    "user_mapping",
    f"""
select format('%s on %I', m.role, m.srvname), '',
       format('create user mapping for %s server %I', m.role, m.srvname),
       jsonb_build_object('role', m.role, 'server', quote_ident(m.srvname))
from (select case when umuser = 0 then 'public' else quote_ident(usename) end as role, srvname,
             srvid from pg_user_mappings) m
where {not_of_an_extension("pg_foreign_server", "m.srvid")}
order by 1
""",  # noqa: S608 - a constant
)

KINDS = (EXTENSIONS, WRAPPERS, SERVERS, USER_MAPPINGS)
