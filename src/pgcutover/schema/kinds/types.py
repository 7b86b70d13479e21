"""User-defined types: enums, domains, composites, ranges and base types."""

from pgcutover.schema.kinds.model import NAMESPACES, Kind, not_of_an_extension

_SCOPE = f"{NAMESPACES} and {not_of_an_extension('pg_type', 't.oid')}"


def _collation(oid: str, unless: str) -> str:
    """Return SQL for a collation's qualified name; NULL if it is the default of the type."""
    source = "pg_collation co join pg_namespace cn on cn.oid = co.collnamespace"
    name = f"select format('%I.%I', cn.nspname, co.collname) from {source}"  # noqa: S608 - constants
    return f"({name} where co.oid = {oid} and co.oid <> {unless})"


def _function(oid: str) -> str:
    return f"nullif({oid}::regprocedure::text, '-')"


ENUMS = Kind(
    "enum",
    f"""
select format('%I.%I', n.nspname, t.typname), '',
       format('create type %I.%I as enum (%s)', n.nspname, t.typname, (
           select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
           from pg_enum e where e.enumtypid = t.oid)),
       jsonb_build_object('labels', (
           select coalesce(jsonb_agg(e.enumlabel order by e.enumsortorder), '[]')
           from pg_enum e where e.enumtypid = t.oid))
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype = 'e' and {_SCOPE}
order by 1
""",  # noqa: S608 - a constant
)

# NOT NULL of a domain is a constraint since PostgreSQL 17, and was a property before
DOMAINS = Kind(
    "domain",
    f"""
select format('%I.%I', n.nspname, t.typname), '',
       concat_ws(' ',
           format('create domain %I.%I as %s', n.nspname, t.typname,
                  format_type(t.typbasetype, t.typtypmod)),
           'collate ' || {_collation("t.typcollation", "b.typcollation")},
           'default ' || t.typdefault,
           case when t.typnotnull then 'not null' end,
           (select string_agg(c.words, ' ' order by c.words collate "C")
            from (select format('constraint %I %s', k.conname,
                                pg_get_constraintdef(k.oid)) as words
                  from pg_constraint k where k.contypid = t.oid and k.contype <> 'n') c)),
       jsonb_build_object(
           'type', format_type(t.typbasetype, t.typtypmod),
           'collation', {_collation("t.typcollation", "b.typcollation")},
           'not_null', t.typnotnull,
           'default', t.typdefault,
           'constraints', (
               select coalesce(jsonb_agg(c.words order by c.words collate "C"), '[]')
               from (select format('%I %s', k.conname, pg_get_constraintdef(k.oid)) as words
                     from pg_constraint k where k.contypid = t.oid and k.contype <> 'n') c))
from pg_type t join pg_namespace n on n.oid = t.typnamespace
join pg_type b on b.oid = t.typbasetype
where t.typtype = 'd' and {_SCOPE}
order by 1
""",  # noqa: S608 - a constant
)

_ATTRIBUTE_COLLATION = _collation("m.attcollation", "b.typcollation")
COMPOSITES = Kind(
    "composite",
    f"""
select format('%I.%I', n.nspname, t.typname), '',
       format('create type %I.%I as (%s)', n.nspname, t.typname, array_to_string(a.words, ', ')),
       jsonb_build_object('attributes', to_jsonb(a.words))
from pg_type t join pg_namespace n on n.oid = t.typnamespace
join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
cross join lateral (
    select coalesce(array_agg(concat_ws(' ', quote_ident(m.attname),
                                        format_type(m.atttypid, m.atttypmod),
                                        'collate ' || {_ATTRIBUTE_COLLATION})
                              order by m.attnum), '{{}}') as words
    from pg_attribute m join pg_type b on b.oid = m.atttypid
    where m.attrelid = c.oid and m.attnum > 0 and not m.attisdropped) a
where t.typtype = 'c' and {_SCOPE}
order by 1
""",  # noqa: S608 - a constant
)

# a range type creates its multirange type (since PostgreSQL 14)
RANGES = Kind(
    "range",
    f"""
select o.name, '', format('create type %s as range (%s)', o.name, concat_ws(', ',
           'subtype = ' || o.subtype, 'subtype_opclass = ' || o.opclass,
           'collation = ' || o.collation, 'canonical = ' || o.canonical::text,
           'subtype_diff = ' || o.subtype_diff::text,
           'multirange_type_name = ' || o.multirange)),
       jsonb_build_object(
           'subtype', o.subtype, 'opclass', o.opclass, 'collation', o.collation,
           'canonical', o.canonical::regprocedure::text,
           'subtype_diff', o.subtype_diff::regprocedure::text,
           'multirange', o.multirange)
from (
    select format('%I.%I', n.nspname, t.typname) as name,
           format_type(r.rngsubtype, null) as subtype,
           (select format('%I.%I', pn.nspname, p.opcname)
            from pg_opclass p join pg_namespace pn on pn.oid = p.opcnamespace
            where p.oid = r.rngsubopc) as opclass,
           {_collation("r.rngcollation", "b.typcollation")} as collation,
           nullif(r.rngcanonical::oid, 0)::regproc as canonical,
           nullif(r.rngsubdiff::oid, 0)::regproc as subtype_diff,
           format_type((to_jsonb(r) ->> 'rngmultitypid')::oid, null) as multirange
    from pg_range r join pg_type t on t.oid = r.rngtypid
    join pg_namespace n on n.oid = t.typnamespace
    join pg_type b on b.oid = r.rngsubtype
    where {_SCOPE}) o
order by 1
""",  # noqa: S608 - a constant
)

BASE_TYPES = Kind(
    "base_type",
    f"""
select format('%I.%I', n.nspname, t.typname), '',
       format('create type %I.%I', n.nspname, t.typname)
           || case when t.typisdefined then format(
               ' (input = %s, output = %s)', t.typinput, t.typoutput) else '' end,
       jsonb_build_object(
           'defined', t.typisdefined,
           'input', {_function("t.typinput")},
           'output', {_function("t.typoutput")},
           'receive', {_function("t.typreceive")},
           'send', {_function("t.typsend")},
           'typmod_in', {_function("t.typmodin")},
           'typmod_out', {_function("t.typmodout")},
           'analyze', {_function("t.typanalyze")},
           'subscript', nullif(to_jsonb(t) ->> 'typsubscript', '-'),
           'length', nullif(t.typlen, -1),
           'by_value', t.typbyval,
           'alignment', case t.typalign when 'c' then 'char' when 's' then 'int2'
                                        when 'i' then 'int4' else 'double' end,
           'storage', case t.typstorage when 'p' then 'plain' when 'e' then 'external'
                                        when 'm' then 'main' else 'extended' end,
           'category', t.typcategory::text,
           'preferred', t.typispreferred,
           'delimiter', t.typdelim::text,
           'element', format_type(nullif(t.typelem, 0), null),
           'default', t.typdefault,
           'collatable', t.typcollation <> 0)
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('b', 'p') and {_SCOPE}
  and not exists (select from pg_type a where a.typarray = t.oid)
order by 1
""",  # noqa: S608 - a constant
)

KINDS = (ENUMS, DOMAINS, COMPOSITES, RANGES, BASE_TYPES)
