"""Objects of a whole database: schemas, event triggers and publications.

Properties that pg_dump omits are separate kinds: encoding, locale, settings, large objects.
"""

from pgcutover.schema.kinds.model import NAMESPACES, SERVICE_ROLES, Kind, not_of_an_extension

SCHEMAS = Kind(
    "schema",
    f"""
select quote_ident(n.nspname), '', format('create schema %I', n.nspname), '{{}}'::jsonb
from pg_namespace n
where {NAMESPACES} and {not_of_an_extension("pg_namespace", "n.oid")}
order by 1
""",  # noqa: S608 - a constant
)

EVENT_TRIGGERS = Kind(
    "event_trigger",
    f"""
select quote_ident(t.evtname), '',
       format('create event trigger %I on %s%s execute function %s', t.evtname, t.evtevent,
              (select format(' when tag in (%s)',
                             string_agg(quote_literal(g), ', ' order by g collate "C"))
               from unnest(t.evttags) g having count(*) > 0),
              t.evtfoid::regprocedure::text),
       jsonb_build_object(
           'event', t.evtevent,
           'function', t.evtfoid::regprocedure::text,
           'tags', (select coalesce(jsonb_agg(g order by g collate "C"), '[]')
                    from unnest(t.evttags) g),
           'enabled', case t.evtenabled when 'O' then 'enabled' when 'D' then 'disabled'
                                        when 'R' then 'replica' else 'always' end)
from pg_event_trigger t
where t.evtname !~ '^awsdms_' and {not_of_an_extension("pg_event_trigger", "t.oid")}
order by 1
""",  # noqa: S608 - a constant
)

# publications of DMS and of pgcutover belong to the migration, not to the application
_PUBLICATIONS = "p.pubname !~ '^(awsdms|pgcutover)'"

PUBLICATIONS = Kind(
    "publication",
    f"""
select quote_ident(p.pubname), '',
       concat_ws(' ', format('create publication %I', p.pubname),
                 case when p.puballtables then 'for all tables' end),
       jsonb_build_object(
           'all_tables', p.puballtables,
           'insert', p.pubinsert,
           'update', p.pubupdate,
           'delete', p.pubdelete,
           'truncate', p.pubtruncate,
           'via_root', coalesce((to_jsonb(p) ->> 'pubviaroot')::boolean, false),
           'generated_columns', case to_jsonb(p) ->> 'pubgencols' when 's' then 'stored'
                                                                  else 'none' end)
from pg_publication p
where {_PUBLICATIONS}
order by 1
""",  # noqa: S608 - a constant
)

# The view prints the row filter, which the catalog holds as a node tree. The view omits a parent
# without filter and columns whose partitions are published instead.
PUBLICATION_TABLES = Kind(
    "publication_table",
    f"""
select format('%s in %I', t.name, p.pubname), t.name,
       format('alter publication %I add table %s', p.pubname, t.name)
           || coalesce(' (' || array_to_string(f.columns, ', ') || ')', '')
           || coalesce(' where ' || f.row_filter, ''),
       jsonb_build_object('columns', to_jsonb(f.columns), 'row_filter', f.row_filter)
from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
cross join lateral (select format('%I.%I', n.nspname, c.relname) as name) t
left join lateral (
    select case when to_jsonb(r) ->> 'prattrs' is not null then (
               select array_agg(quote_ident(a) order by a collate "C")
               from jsonb_array_elements_text(to_jsonb(v) -> 'attnames') a) end as columns,
           to_jsonb(v) ->> 'rowfilter' as row_filter
    from pg_publication_tables v
    where v.pubname = p.pubname and v.schemaname = n.nspname and v.tablename = c.relname) f on true
where {_PUBLICATIONS}
order by 1
""",  # noqa: S608 - a constant
)

PUBLICATION_SCHEMAS = Kind(
    "publication_schema",
    f"""
select format('%I in %I', n.nspname, p.pubname), '',
       format('alter publication %I add tables in schema %I', p.pubname, n.nspname), '{{}}'::jsonb
from pg_publication p join pg_publication_namespace s on s.pnpubid = p.oid
join pg_namespace n on n.oid = s.pnnspid
where {_PUBLICATIONS}
order by 1
""",  # noqa: S608 - a constant
    since=150000,
)

KINDS = (SCHEMAS, EVENT_TRIGGERS, PUBLICATIONS, PUBLICATION_TABLES, PUBLICATION_SCHEMAS)

# names by major: daticulocale in 15 and 16, datlocale since 17; before 15 only libc
DATABASE = Kind(
    "database",
    """
select 'this database', '', '', jsonb_build_object(
           'encoding', pg_encoding_to_char(d.encoding),
           'collate', d.datcollate::text,
           'ctype', d.datctype::text,
           'locale_provider', case coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
               when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
           'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
           'icu_rules', to_jsonb(d) ->> 'daticurules',
           'owner', quote_ident(pg_get_userbyid(d.datdba)),
           'connection_limit', nullif(d.datconnlimit, -1),
           'allows_connections', d.datallowconn,
           'is_template', d.datistemplate)
from pg_database d
where d.datname = current_database()
""",
)

DATABASE_GRANTS = Kind(
    "database_grant",
    f"""
select format('this database to %s', a.grantee), '', '', jsonb_build_object('privileges',
           jsonb_agg(distinct a.privilege_type || case when a.star then '*' else '' end))
from (
    select case e.grantee when 0 then 'public' when d.datdba then 'its owner'
                          else quote_ident(pg_get_userbyid(e.grantee)) end as grantee,
           e.privilege_type, bool_or(e.is_grantable) as star
    from pg_database d
    cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) e
    where d.datname = current_database()
      and (e.grantee = d.datdba or pg_get_userbyid(e.grantee) !~ {SERVICE_ROLES})
    group by 1, 2) a
group by a.grantee
order by 1
""",  # noqa: S608 - a constant
)

TABLESPACES = Kind(
    "tablespace",
    """
select quote_ident(t.spcname), '', '', jsonb_build_object(
           'options', (select coalesce(jsonb_agg(o order by o collate "C"), '[]')
                       from unnest(t.spcoptions) o))
from pg_tablespace t
where t.spcname !~ '^pg_'
order by 1
""",
)

# pg_dump and pg_restore keep the oids of large objects
LARGE_OBJECTS = Kind(
    "large_object",
    """
select 'all large objects', '', '', jsonb_build_object(
           'count', (select count(*) from pg_largeobject_metadata),
           'owners', (
               select coalesce(jsonb_agg(format('%I: %s', pg_get_userbyid(o.lomowner), o.n)
                                         order by pg_get_userbyid(o.lomowner)), '[]')
               from (select lomowner, count(*) as n from pg_largeobject_metadata group by 1) o),
           'owners_and_rights', (
               select encode(sha256(convert_to(string_agg(
                   format('%s %s %s', m.oid, pg_get_userbyid(m.lomowner), (
                       select string_agg(w.words, ' ' order by w.words collate "C")
                       from (select format('%s=%s%s', case a.grantee when 0 then 'public'
                                               else quote_ident(pg_get_userbyid(a.grantee)) end,
                                           a.privilege_type,
                                           case when bool_or(a.is_grantable) then '*' else '' end)
                                        as words
                             from aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) a
                             group by a.grantee, a.privilege_type) w)),
                   ';' order by m.oid), 'UTF8')), 'hex')
               from pg_largeobject_metadata m))
""",
)

# only collations that an object of the application uses; the database's own is another kind
COLLATION_VERSIONS = Kind(
    "collation_version",
    f"""
select format('%I.%I', n.nspname, c.collname), '',
       format('alter collation %I.%I refresh version', n.nspname, c.collname),
       jsonb_build_object(
           'recorded', c.collversion,
           'actual', v.actual,
           'stale', c.collversion is distinct from v.actual)
from pg_collation c join pg_namespace n on n.oid = c.collnamespace
cross join lateral (select pg_collation_actual_version(c.oid) as actual) v
where c.collprovider <> 'd' and c.oid in (
    select a.attcollation from pg_attribute a join pg_class r on r.oid = a.attrelid
    where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped
      and r.relkind not in ('t', 'S')
    union
    select t.typcollation from pg_type t where t.oid >= 16384
    union
    select o.oid from pg_collation o join pg_namespace n on n.oid = o.collnamespace
    where {NAMESPACES})
order by 1
""",  # noqa: S608 - a constant
)

DATABASE_COLLATION_VERSION = Kind(
    "database_collation_version",
    """
select 'this database', '', format('alter database %I refresh collation version', d.datname),
       jsonb_build_object(
           'recorded', d.datcollversion,
           'actual', v.actual,
           'stale', d.datcollversion is distinct from v.actual)
from pg_database d
cross join lateral (select pg_database_collation_actual_version(d.oid) as actual) v
where d.datname = current_database()
""",
    since=150000,
)

# without the connection string, which is a secret; older majors hide oids and options
SUBSCRIPTIONS = Kind(
    "subscription",
    """
select quote_ident(s.subname), '', '', jsonb_build_object(
           'enabled', s.subenabled,
           'publications', (select jsonb_agg(p order by p collate "C")
                            from unnest(s.subpublications) p))
from pg_subscription s
where s.subname !~ '^(awsdms|pgcutover)'
  and s.subdbid = (select d.oid from pg_database d where d.datname = current_database())
order by 1
""",
)

CLUSTER_KINDS = (
    DATABASE,
    DATABASE_GRANTS,
    TABLESPACES,
    LARGE_OBJECTS,
    COLLATION_VERSIONS,
    DATABASE_COLLATION_VERSION,
    SUBSCRIPTIONS,
)
