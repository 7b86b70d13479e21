"""Owners, privileges, comments and security labels.

Objects are named by type and identity, as pg_identify_object() returns them. A sequence owned by a
column has its table's owner, so only the table's owner is compared.
"""

from dataclasses import dataclass

from pgcutover.schema.kinds.model import NAMESPACES, SERVICE_ROLES, Kind, not_of_an_extension


@dataclass(frozen=True, slots=True)
class _Catalog:
    """A catalog of objects with owners: prefix of its columns, and acldefault()'s letter, or ''."""

    name: str
    prefix: str
    acl: str = ""
    where: str = "true"
    relation: str = "null::oid"
    in_schema: bool = True


_TYPES = """
o.typtype in ('b', 'd', 'e', 'r', 'p', 'c')
and not exists (select from pg_type a where a.typarray = o.oid)
and (o.typrelid = 0 or (select c.relkind = 'c' from pg_class c where c.oid = o.typrelid))"""
_MADE_HERE = "o.oid >= 16384"
_CATALOGS = (
    _Catalog("pg_proc", "pro", "f", "o.proname !~ '^awsdms_'"),
    _Catalog("pg_type", "typ", "T", _TYPES),
    _Catalog("pg_operator", "opr", where="o.oprcode <> 0"),
    _Catalog("pg_opclass", "opc"),
    _Catalog("pg_opfamily", "opf"),
    _Catalog("pg_collation", "coll"),
    _Catalog("pg_conversion", "con"),
    _Catalog("pg_ts_config", "cfg"),
    _Catalog("pg_ts_dict", "dict"),
    _Catalog("pg_statistic_ext", "stx", relation="o.stxrelid"),
    _Catalog("pg_language", "lan", "l", _MADE_HERE, in_schema=False),
    _Catalog("pg_foreign_data_wrapper", "fdw", "F", in_schema=False),
    _Catalog("pg_foreign_server", "srv", "S", in_schema=False),
    _Catalog("pg_event_trigger", "evt", where="o.evtname !~ '^awsdms_'", in_schema=False),
    _Catalog("pg_publication", "pub", where="o.pubname !~ '^(awsdms|pgcutover)'", in_schema=False),
)
_THING = "i.type || ' ' || replace(i.identity, 'pg_catalog.', '')"
_COLUMNS = "catalog, oid, owner, acl, letter, relation"

_RELATIONS = f"""
select 'pg_class'::regclass, c.oid, c.relowner, c.relacl,
       case when c.relkind = 'S' then 's' else 'r' end,
       case when c.relkind <> 'S' then c.oid else (
           select d.refobjid from pg_depend d
           where d.classid = 'pg_class'::regclass and d.objid = c.oid
             and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
             and d.refobjsubid > 0) end
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relname !~ '^awsdms_'
  and {NAMESPACES} and {not_of_an_extension("pg_class", "c.oid")}"""  # noqa: S608 - constants

_SCHEMAS = f"""
select 'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl, 'n', null::oid
from pg_namespace n
where {NAMESPACES} and {not_of_an_extension("pg_namespace", "n.oid")}"""  # noqa: S608 - constants


def _select_objects(catalog: _Catalog) -> str:
    prefix, name = catalog.prefix, catalog.name
    schema = f"join pg_namespace n on n.oid = o.{prefix}namespace" if catalog.in_schema else ""
    acl = f"o.{prefix}acl" if catalog.acl else "null::aclitem[]"
    return f"""
select '{name}'::regclass, o.oid, o.{prefix}owner, {acl}, nullif('{catalog.acl}', ''),
       {catalog.relation}
from {name} o {schema}
where {catalog.where} and {NAMESPACES if schema else "true"}
  and {not_of_an_extension(name, "o.oid")}
  and not exists (select from pg_depend d where d.deptype = 'i'
                  and d.classid = '{name}'::regclass and d.objid = o.oid)"""  # noqa: S608 - constants


_OBJECTS = "\nunion all".join([_RELATIONS, _SCHEMAS, *map(_select_objects, _CATALOGS)])
_RELATION_NAME = """
left join lateral (
    select format('%I.%I', rn.nspname, r.relname) as name
    from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
    where r.oid = o.relation) t on true"""

OWNERS = Kind(
    "owner",
    f"""
select {_THING}, coalesce(t.name, ''),
       format('alter %s %s owner to %I',
              replace(replace(i.type, 'statistics object', 'statistics'), '-', ' '),
              i.identity, pg_get_userbyid(o.owner)),
       jsonb_build_object('owner', quote_ident(pg_get_userbyid(o.owner)))
from ({_OBJECTS}) o ({_COLUMNS})
cross join lateral pg_identify_object(o.catalog, o.oid, 0) i
{_RELATION_NAME}
where not (o.letter = 's' and o.relation is not null and o.catalog = 'pg_class'::regclass)
order by 1
""",  # noqa: S608 - a constant
)

_GRANTEE = """case a.grantee when 0 then 'public' when o.owner then 'its owner'
       else quote_ident(pg_get_userbyid(a.grantee)) end"""


def _grant(condition: str, ending: str) -> str:
    """Return SQL for a GRANT of the g.privileges that meet a condition; NULL if none does."""
    return f"""(
        select 'grant ' || string_agg(lower(rtrim(p, '*')) || g.columns, ', ' order by p)
               || format(' on %s %s to %s{ending}', g.word, g.on_what, g.role)
        from unnest(g.privileges) p where {condition})"""  # noqa: S608 - constants


GRANTS = Kind(
    "grant",
    f"""
select format('%s to %s', g.thing, g.grantee), g.relation,
       concat_ws('; ', {_grant("p !~ '[*]$'", "")},
                 {_grant("p ~ '[*]$'", " with grant option")}),
       jsonb_build_object('privileges', to_jsonb(g.privileges))
from (
    select {_THING} as thing, e.grantee, coalesce(t.name, '') as relation,
           case e.role when '' then quote_ident(pg_get_userbyid(o.owner)) else e.role end as role,
           e.privileges,
           case when e.attname is null then '' else format(' (%I)', e.attname) end as columns,
           case when o.letter = 'r' then t.name else i.identity end as on_what,
           case o.letter when 'r' then 'table' when 'S' then 'foreign server'
                         when 'f' then 'routine' else replace(i.type, '-', ' ') end as word
    from ({_OBJECTS}) o ({_COLUMNS})
    {_RELATION_NAME}
    cross join lateral (
        select x.attnum, x.attname, {_GRANTEE} as grantee,
               case a.grantee when 0 then 'public' when o.owner then ''
                              else quote_ident(pg_get_userbyid(a.grantee)) end as role,
               array_agg(distinct a.privilege_type || case when a.star then '*' else '' end)
                   as privileges
        from (
            select 0 as attnum, null::name as attname,
                   coalesce(o.acl, acldefault(o.letter::"char", o.owner)) as acl
            union all
            select m.attnum, m.attname, m.attacl from pg_attribute m
            where o.catalog = 'pg_class'::regclass and m.attrelid = o.oid
              and m.attacl is not null and not m.attisdropped) x
        cross join lateral (
            select b.grantee, b.privilege_type, bool_or(b.is_grantable) as star
            from aclexplode(x.acl) b group by 1, 2) a
        where a.grantee = o.owner or pg_get_userbyid(a.grantee) !~ {SERVICE_ROLES}
        group by x.attnum, x.attname, a.grantee) e
    cross join lateral pg_identify_object(o.catalog, o.oid, e.attnum) i
    where o.letter is not null) g
order by 1
""",  # noqa: S608 - a constant
)

# global defaults replace the built-in ones, so they are listed if they differ from these, even if
# they are empty; defaults of one schema are added to the global ones
DEFAULT_PRIVILEGES = Kind(
    "default_privilege",
    """
select format('for role %I in %s on %s to %s', g.role, coalesce('schema ' || g.schema,
              'every schema'), g.word, g.grantee), '',
       format('alter default privileges for role %I%s %s on %s %s %s', g.role,
              ' in schema ' || g.schema,
              case when g.privileges = '{}' then 'revoke all'
                   else 'grant ' || lower(replace(array_to_string(g.privileges, ', '), '*', ''))
              end, g.word,
              case when g.privileges = '{}' then 'from' else 'to' end, g.real_grantee)
           || case when '*' = any (select right(p, 1) from unnest(g.privileges) p)
                   then ' with grant option' else '' end,
       jsonb_build_object('privileges', to_jsonb(g.privileges))
from (
    select pg_get_userbyid(d.defaclrole) as role, quote_ident(n.nspname) as schema,
           case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
                when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas'
                else 'large objects' end as word,
           case a.grantee when 0 then 'public' when d.defaclrole then 'its owner'
                else quote_ident(pg_get_userbyid(a.grantee)) end as grantee,
           case a.grantee when 0 then 'public'
                else quote_ident(pg_get_userbyid(a.grantee)) end as real_grantee,
           coalesce(a.found, '{}') as privileges
    from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
    cross join lateral (
        select b.grantee, array_agg(b.privilege order by b.privilege)
                              filter (where not b.built_in) as found,
               array_agg(b.privilege order by b.privilege) filter (where b.built_in) as built_in
        from (
            select grantee, privilege_type || case when bool_or(is_grantable) then '*' else '' end
                   as privilege, false as built_in
            from aclexplode(d.defaclacl) group by grantee, privilege_type
            union all
            select grantee, privilege_type, true
            from aclexplode(acldefault(
                case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole))
            where d.defaclnamespace = 0) b
        group by b.grantee) a
    where a.found is distinct from a.built_in
      and pg_get_userbyid(d.defaclrole) !~ SERVICE_ROLES
      and pg_get_userbyid(a.grantee) !~ SERVICE_ROLES) g
order by 1
""".replace("SERVICE_ROLES", SERVICE_ROLES),
)


def _texts_kind(name: str, catalog: str, of: str, columns: str) -> Kind:
    """Return the kind of comments or security labels, each with the relation of its object."""
    return Kind(
        name,
        f"""
select {_THING}{of},
       coalesce(quote_ident(rn.nspname) || '.' || quote_ident(r.relname), ''),
       {columns}
from (
    select d.*, case d.classoid
        when 'pg_class'::regclass then coalesce(
            (select x.indrelid from pg_index x where x.indexrelid = d.objoid), d.objoid)
        when 'pg_constraint'::regclass then
            (select k.conrelid from pg_constraint k where k.oid = d.objoid)
        when 'pg_trigger'::regclass then
            (select k.tgrelid from pg_trigger k where k.oid = d.objoid)
        when 'pg_policy'::regclass then (select k.polrelid from pg_policy k where k.oid = d.objoid)
        when 'pg_rewrite'::regclass then
            (select k.ev_class from pg_rewrite k where k.oid = d.objoid)
        when 'pg_statistic_ext'::regclass then
            (select k.stxrelid from pg_statistic_ext k where k.oid = d.objoid) end as relation
    from {catalog} d
    where d.objoid >= 16384
      and d.classoid not in ('pg_extension'::regclass, 'pg_largeobject'::regclass)) d
left join pg_class r on r.oid = d.relation
left join pg_namespace rn on rn.oid = r.relnamespace
cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
where not exists (
        select from pg_depend e where e.deptype = 'e' and (
            (e.classid = d.classoid and e.objid = d.objoid)
            or (e.classid = 'pg_class'::regclass and e.objid = d.relation)))
  and i.identity is not null
  and coalesce(r.relname, '') !~ '^awsdms_'
  and coalesce(quote_ident(rn.nspname), i.schema,
               case when i.type = 'schema' then i.identity end, '')
      !~ '^("?pg_|information_schema$|pgcutover$)'
order by 1
""",  # noqa: S608 - a constant
    )


_WORD = """case when i.type like '% column' then 'column'
            when i.type like '% constraint' then 'constraint'
            when i.type = 'composite type' then 'type'
            when i.type = 'statistics object' then 'statistics'
            else replace(i.type, '-', ' ') end"""
_IDENTITY = """case when i.type = 'domain constraint'
                    then regexp_replace(i.identity, ' on ', ' on domain ')
                    else i.identity end"""

COMMENTS = _texts_kind(
    "comment",
    "pg_description",
    "",
    f"""format('comment on %s %s is %L', {_WORD}, {_IDENTITY}, d.description),
       jsonb_build_object('text', d.description)""",
)

SECURITY_LABELS = _texts_kind(
    "security_label",
    "pg_seclabel",
    " || ' for ' || quote_ident(d.provider)",
    f"""format('security label for %I on %s %s is %L', d.provider, {_WORD}, {_IDENTITY}, d.label),
       jsonb_build_object('label', d.label)""",
)

KINDS = (OWNERS, GRANTS, DEFAULT_PRIVILEGES, COMMENTS, SECURITY_LABELS)
