"""Collations, and text search configurations, dictionaries, parsers and templates."""

from pgcutover.schema.kinds.model import NAMESPACES, Kind, not_of_an_extension


def _function(oid: str) -> str:
    return f"nullif({oid}::regprocedure::text, '-')"


# the locale of an ICU collation is in collcollate up to 14, in colliculocale in 15 and 16
COLLATIONS = Kind(
    "collation",
    f"""
select o.name, '',
       format('create collation %s (%s)', o.name, concat_ws(', ',
           'provider = ' || o.provider, 'locale = ' || quote_literal(o.locale),
           'lc_collate = ' || quote_literal(o.collate), 'lc_ctype = ' || quote_literal(o.ctype),
           'deterministic = ' || o.deterministic, 'rules = ' || quote_literal(o.rules))),
       jsonb_build_object(
           'provider', o.provider, 'deterministic', o.deterministic, 'encoding', o.encoding,
           'locale', o.locale, 'collate', o.collate, 'ctype', o.ctype, 'icu_rules', o.rules)
from (
    select format('%I.%I', n.nspname, c.collname) as name,
           case c.collprovider when 'i' then 'icu' when 'c' then 'libc' when 'b' then 'builtin'
                               else 'default' end as provider,
           coalesce((to_jsonb(c) ->> 'collisdeterministic')::boolean, true) as deterministic,
           case when c.collencoding >= 0 then pg_encoding_to_char(c.collencoding) end as encoding,
           coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale',
                    case when c.collprovider = 'i' then c.collcollate::text end) as locale,
           case when c.collprovider <> 'i' then c.collcollate::text end as collate,
           case when c.collprovider <> 'i' then c.collctype::text end as ctype,
           to_jsonb(c) ->> 'collicurules' as rules
    from pg_collation c join pg_namespace n on n.oid = c.collnamespace
    where {NAMESPACES} and {not_of_an_extension("pg_collation", "c.oid")}) o
order by 1
""",  # noqa: S608 - a constant
)

CONFIGURATIONS = Kind(
    "text_search_configuration",
    f"""
select format('%I.%I', n.nspname, c.cfgname), '',
       format('create text search configuration %I.%I (parser = %I.%I)', n.nspname, c.cfgname,
              pn.nspname, p.prsname),
       jsonb_build_object(
           'parser', format('%I.%I', pn.nspname, p.prsname),
           'mappings', (
               select coalesce(jsonb_agg(w.words order by w.words collate "C"), '[]')
               from (select t.alias || ': ' || string_agg(m.mapdict::regdictionary::text, ', '
                                                          order by m.mapseqno) as words
                     from pg_ts_config_map m
                     join ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
                     where m.mapcfg = c.oid group by t.alias) w))
from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace
join pg_ts_parser p on p.oid = c.cfgparser
join pg_namespace pn on pn.oid = p.prsnamespace
where {NAMESPACES} and {not_of_an_extension("pg_ts_config", "c.oid")}
order by 1
""",  # noqa: S608 - a constant
)

DICTIONARIES = Kind(
    "text_search_dictionary",
    f"""
select format('%I.%I', n.nspname, d.dictname), '',
       format('create text search dictionary %I.%I (template = %I.%I%s)', n.nspname, d.dictname,
              tn.nspname, t.tmplname, coalesce(', ' || d.dictinitoption, '')),
       jsonb_build_object(
           'template', format('%I.%I', tn.nspname, t.tmplname),
           'options', d.dictinitoption)
from pg_ts_dict d join pg_namespace n on n.oid = d.dictnamespace
join pg_ts_template t on t.oid = d.dicttemplate
join pg_namespace tn on tn.oid = t.tmplnamespace
where {NAMESPACES} and {not_of_an_extension("pg_ts_dict", "d.oid")}
order by 1
""",  # noqa: S608 - a constant
)

PARSERS = Kind(
    "text_search_parser",
    f"""
select format('%I.%I', n.nspname, p.prsname), '',
       format('create text search parser %I.%I (%s)', n.nspname, p.prsname, concat_ws(', ',
           'start = ' || p.prsstart::text, 'gettoken = ' || p.prstoken::text,
           'end = ' || p.prsend::text, 'lextypes = ' || p.prslextype::text,
           'headline = ' || nullif(p.prsheadline::text, '-'))),
       jsonb_build_object(
           'start', {_function("p.prsstart")},
           'token', {_function("p.prstoken")},
           'end', {_function("p.prsend")},
           'headline', {_function("p.prsheadline")},
           'token_types', {_function("p.prslextype")})
from pg_ts_parser p join pg_namespace n on n.oid = p.prsnamespace
where {NAMESPACES} and {not_of_an_extension("pg_ts_parser", "p.oid")}
order by 1
""",  # noqa: S608 - a constant
)

TEMPLATES = Kind(
    "text_search_template",
    f"""
select format('%I.%I', n.nspname, t.tmplname), '',
       format('create text search template %I.%I (%s)', n.nspname, t.tmplname, concat_ws(', ',
           'init = ' || nullif(t.tmplinit::text, '-'), 'lexize = ' || t.tmpllexize::text)),
       jsonb_build_object(
           'init', {_function("t.tmplinit")},
           'lexize', {_function("t.tmpllexize")})
from pg_ts_template t join pg_namespace n on n.oid = t.tmplnamespace
where {NAMESPACES} and {not_of_an_extension("pg_ts_template", "t.oid")}
order by 1
""",  # noqa: S608 - a constant
)

KINDS = (COLLATIONS, CONFIGURATIONS, DICTIONARIES, PARSERS, TEMPLATES)
