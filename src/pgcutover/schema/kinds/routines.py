"""Functions, procedures, aggregates, operators, operator classes and families, and casts."""

from pgcutover.schema.kinds.model import NAMESPACES, Kind, not_of_an_extension


def _is_independent(catalog: str, oid: str) -> str:
    """Return the SQL condition that no other object creates it, as a range creates constructors."""
    return (
        "not exists (select from pg_depend i where i.deptype = 'i' "
        f"and i.classid = '{catalog}'::regclass and i.objid = {oid})"
    )


# DMS creates awsdms_* for itself
_ROUTINES = f"""{NAMESPACES} and {not_of_an_extension("pg_proc", "p.oid")}
  and {_is_independent("pg_proc", "p.oid")} and p.proname !~ '^awsdms_'"""

# oids from 16384 on are assigned after initdb, so this excludes built-in objects
_MADE_HERE = "oid >= 16384"


def _function(oid: str) -> str:
    return f"nullif({oid}::regprocedure::text, '-')"


def _operator(oid: str) -> str:
    return f"nullif({oid}::regoperator::text, '0')"


# the catalogs hold an SQL-standard body as a node tree; its text ends the function's definition
_SQL_BODY = (
    r"substring(rtrim(pg_get_functiondef(p.oid), E'\n') from E'\n((?:BEGIN ATOMIC|RETURN ).*)$')"
)


def _routines(name: str, letter: str) -> Kind:
    return Kind(
        name,
        rf"""
select p.oid::regprocedure::text, '', rtrim(pg_get_functiondef(p.oid), E'\n'),
       jsonb_build_object(
           'arguments', pg_get_function_arguments(p.oid),
           'result', pg_get_function_result(p.oid),
           'language', (select l.lanname from pg_language l where l.oid = p.prolang),
           'body', case when to_jsonb(p) ->> 'prosqlbody' is null then p.prosrc
                        else {_SQL_BODY} end,
           'library', p.probin,
           'volatility', case p.provolatile when 'i' then 'immutable' when 's' then 'stable'
                                            else 'volatile' end,
           'parallel', case p.proparallel when 's' then 'safe' when 'r' then 'restricted'
                                          else 'unsafe' end,
           'strict', p.proisstrict,
           'leakproof', p.proleakproof,
           'security_definer', p.prosecdef,
           'settings', (select coalesce(jsonb_agg(o order by o collate "C"), '[]')
                        from unnest(p.proconfig) o),
           'cost', p.procost::text,
           'rows', p.prorows::text,
           'support', nullif(to_jsonb(p) ->> 'prosupport', '-'),
           'transforms', (select coalesce(jsonb_agg(format_type(o, null) order by i), '[]')
                          from unnest(p.protrftypes) with ordinality u (o, i)))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prokind = '{letter}' and {_ROUTINES}
order by 1
""",  # noqa: S608 - a constant
    )


FUNCTIONS = _routines("function", "f")
PROCEDURES = _routines("procedure", "p")
WINDOWS = _routines("window_function", "w")


def _modify(column: str) -> str:
    return (
        f"case {column} when 'r' then 'read_only' when 's' then 'shareable' else 'read_write' end"
    )


AGGREGATES = Kind(
    "aggregate",
    f"""
select p.oid::regprocedure::text, '',
       format('create aggregate %I.%I(%s) (%s)', n.nspname, p.proname,
              pg_get_function_arguments(p.oid), concat_ws(', ',
                  'sfunc = ' || a.aggtransfn::text,
                  'stype = ' || format_type(a.aggtranstype, null),
                  'finalfunc = ' || nullif(a.aggfinalfn::text, '-'),
                  'combinefunc = ' || nullif(a.aggcombinefn::text, '-'),
                  'initcond = ' || quote_literal(a.agginitval))),
       jsonb_build_object(
           'arguments', pg_get_function_arguments(p.oid),
           'result', pg_get_function_result(p.oid),
           'aggregate_kind', case a.aggkind when 'n' then 'normal' when 'o' then 'ordered-set'
                                            else 'hypothetical-set' end,
           'direct_arguments', a.aggnumdirectargs,
           'transition', {_function("a.aggtransfn")},
           'final', {_function("a.aggfinalfn")},
           'combine', {_function("a.aggcombinefn")},
           'serialize', {_function("a.aggserialfn")},
           'deserialize', {_function("a.aggdeserialfn")},
           'final_extra', a.aggfinalextra,
           'final_modify', {_modify("a.aggfinalmodify")},
           'state_type', format_type(a.aggtranstype, null),
           'state_size', a.aggtransspace,
           'initial', a.agginitval,
           'moving_transition', {_function("a.aggmtransfn")},
           'moving_inverse', {_function("a.aggminvtransfn")},
           'moving_final', {_function("a.aggmfinalfn")},
           'moving_final_extra', a.aggmfinalextra,
           'moving_final_modify', {_modify("a.aggmfinalmodify")},
           'moving_state_type', format_type(nullif(a.aggmtranstype, 0), null),
           'moving_state_size', a.aggmtransspace,
           'moving_initial', a.aggminitval,
           'sort_operator', {_operator("a.aggsortop")},
           'parallel', case p.proparallel when 's' then 'safe' when 'r' then 'restricted'
                                          else 'unsafe' end)
from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid
join pg_namespace n on n.oid = p.pronamespace
where {_ROUTINES}
order by 1
""",  # noqa: S608 - a constant
)

# an operator without a function is a placeholder for the commutator of another
OPERATORS = Kind(
    "operator",
    f"""
select o.oid::regoperator::text, '',
       format('create operator %I.%s (%s)', n.nspname, o.oprname, concat_ws(', ',
           'function = ' || o.oprcode::text,
           'leftarg = ' || format_type(nullif(o.oprleft, 0), null),
           'rightarg = ' || format_type(nullif(o.oprright, 0), null))),
       jsonb_build_object(
           'function', {_function("o.oprcode")},
           'result', format_type(o.oprresult, null),
           'commutator', {_operator("o.oprcom")},
           'negator', {_operator("o.oprnegate")},
           'restrict', {_function("o.oprrest")},
           'join', {_function("o.oprjoin")},
           'hashes', o.oprcanhash,
           'merges', o.oprcanmerge)
from pg_operator o join pg_namespace n on n.oid = o.oprnamespace
where o.oprcode <> 0 and {NAMESPACES} and {not_of_an_extension("pg_operator", "o.oid")}
order by 1
""",  # noqa: S608 - a constant
)

OPERATOR_CLASSES = Kind(
    "operator_class",
    f"""
select format('%I.%I using %I', n.nspname, o.opcname, m.amname), '', '',
       jsonb_build_object(
           'type', format_type(o.opcintype, null),
           'default', o.opcdefault,
           'storage', format_type(nullif(o.opckeytype, 0), null),
           'family', (select format('%I.%I', fn.nspname, f.opfname)
                      from pg_opfamily f join pg_namespace fn on fn.oid = f.opfnamespace
                      where f.oid = o.opcfamily))
from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace
join pg_am m on m.oid = o.opcmethod
where {NAMESPACES} and {not_of_an_extension("pg_opclass", "o.oid")}
order by 1
""",  # noqa: S608 - a constant
)

OPERATOR_FAMILIES = Kind(
    "operator_family",
    f"""
select format('%I.%I using %I', n.nspname, o.opfname, m.amname), '',
       format('create operator family %I.%I using %I', n.nspname, o.opfname, m.amname),
       jsonb_build_object(
           'operators', (
               select coalesce(jsonb_agg(w.words order by w.words collate "C"), '[]')
               from (select format('%s %s', k.amopstrategy, k.amopopr::regoperator)
                            || coalesce(' order by ' || (
                                select format('%I.%I', sn.nspname, s.opfname)
                                from pg_opfamily s join pg_namespace sn on sn.oid = s.opfnamespace
                                where s.oid = k.amopsortfamily), '') as words
                     from pg_amop k where k.amopfamily = o.oid) w),
           'functions', (
               select coalesce(jsonb_agg(w.words order by w.words collate "C"), '[]')
               from (select format('%s (%s, %s) %s', k.amprocnum,
                                   format_type(k.amproclefttype, null),
                                   format_type(k.amprocrighttype, null),
                                   k.amproc::regprocedure) as words
                     from pg_amproc k where k.amprocfamily = o.oid) w))
from pg_opfamily o join pg_namespace n on n.oid = o.opfnamespace
join pg_am m on m.oid = o.opfmethod
where {NAMESPACES} and {not_of_an_extension("pg_opfamily", "o.oid")}
order by 1
""",  # noqa: S608 - a constant
)

CASTS = Kind(
    "cast",
    f"""
select format('(%s as %s)', format_type(c.castsource, null), format_type(c.casttarget, null)), '',
       format('create cast (%s as %s) %s%s', format_type(c.castsource, null),
              format_type(c.casttarget, null),
              case c.castmethod when 'f' then 'with function ' || c.castfunc::regprocedure::text
                                when 'i' then 'with inout' else 'without function' end,
              case c.castcontext when 'i' then ' as implicit'
                                 when 'a' then ' as assignment' else '' end),
       jsonb_build_object(
           'function', {_function("c.castfunc")},
           'method', case c.castmethod when 'f' then 'function' when 'i' then 'inout'
                                       else 'binary' end,
           'context', case c.castcontext when 'i' then 'implicit' when 'a' then 'assignment'
                                         else 'explicit' end)
from pg_cast c
where c.{_MADE_HERE} and {not_of_an_extension("pg_cast", "c.oid")}
  and {_is_independent("pg_cast", "c.oid")}
order by 1
""",  # noqa: S608 - a constant
)

CONVERSIONS = Kind(
    "conversion",
    f"""
select format('%I.%I', n.nspname, c.conname), '',
       format('create %sconversion %I.%I for %L to %L from %s',
              case when c.condefault then 'default ' else '' end, n.nspname, c.conname,
              pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding),
              c.conproc::text),
       jsonb_build_object(
           'from', pg_encoding_to_char(c.conforencoding),
           'to', pg_encoding_to_char(c.contoencoding),
           'function', {_function("c.conproc")},
           'default', c.condefault)
from pg_conversion c join pg_namespace n on n.oid = c.connamespace
where {NAMESPACES} and {not_of_an_extension("pg_conversion", "c.oid")}
order by 1
""",  # noqa: S608 - a constant
)

LANGUAGES = Kind(
    "language",
    f"""
select quote_ident(l.lanname), '',
       format('create %slanguage %I', case when l.lanpltrusted then 'trusted ' else '' end,
              l.lanname),
       jsonb_build_object(
           'trusted', l.lanpltrusted,
           'handler', {_function("l.lanplcallfoid")},
           'inline', {_function("l.laninline")},
           'validator', {_function("l.lanvalidator")})
from pg_language l
where l.{_MADE_HERE} and {not_of_an_extension("pg_language", "l.oid")}
order by 1
""",  # noqa: S608 - a constant
)

TRANSFORMS = Kind(
    "transform",
    f"""
select format('for %s language %I', format_type(t.trftype, null), l.lanname), '',
       format('create transform for %s language %I (%s)', format_type(t.trftype, null), l.lanname,
              concat_ws(', ',
                  'from sql with function ' || {_function("t.trffromsql::oid")},
                  'to sql with function ' || {_function("t.trftosql::oid")})),
       jsonb_build_object(
           'from_sql', {_function("t.trffromsql")},
           'to_sql', {_function("t.trftosql")})
from pg_transform t join pg_language l on l.oid = t.trflang
where {not_of_an_extension("pg_transform", "t.oid")}
order by 1
""",  # noqa: S608 - a constant
)

ACCESS_METHODS = Kind(
    "access_method",
    f"""
select quote_ident(m.amname), '',
       format('create access method %I type %s handler %s', m.amname,
              case m.amtype when 't' then 'table' else 'index' end, m.amhandler::text),
       jsonb_build_object(
           'type', case m.amtype when 't' then 'table' else 'index' end,
           'handler', {_function("m.amhandler")})
from pg_am m
where m.{_MADE_HERE} and {not_of_an_extension("pg_am", "m.oid")}
order by 1
""",  # noqa: S608 - a constant
)

KINDS = (
    FUNCTIONS,
    PROCEDURES,
    WINDOWS,
    AGGREGATES,
    OPERATORS,
    OPERATOR_CLASSES,
    OPERATOR_FAMILIES,
    CASTS,
    CONVERSIONS,
    LANGUAGES,
    TRANSFORMS,
    ACCESS_METHODS,
)
