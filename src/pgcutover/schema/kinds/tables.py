"""Tables, foreign tables, and the partitions of partitioned ones."""

from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension, sorted_array

_SCOPE = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"
_PERSISTENCE = """case c.relpersistence when 'p' then 'permanent' when 'u' then 'unlogged'
           else 'temporary' end"""
# an identity column creates its sequence, which may have its own parameters
_IDENTITY = """case when a.attidentity <> '' then (
        select format('generated %s as identity',
                      case a.attidentity when 'a' then 'always' else 'by default' end)
               || format(' (sequence name %I.%I increment %s minvalue %s maxvalue %s',
                         qn.nspname, q.relname, s.seqincrement, s.seqmin, s.seqmax)
               || format(' start %s cache %s%s)', s.seqstart, s.seqcache,
                         case when s.seqcycle then ' cycle' else '' end)
        from pg_depend g join pg_sequence s on s.seqrelid = g.objid
        join pg_class q on q.oid = g.objid join pg_namespace qn on qn.oid = q.relnamespace
        where g.classid = 'pg_class'::regclass and g.refclassid = 'pg_class'::regclass
          and g.refobjid = a.attrelid and g.refobjsubid = a.attnum and g.deptype = 'i') end"""
_COLLATION = """case when a.attcollation <> t.typcollation
               then format('%I.%I', k.nspname, o.collname) end"""
_COLUMN_SQL = f"""concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
    'collate ' || {_COLLATION},
    case when v.generated = '' then 'default ' || e.text
        else format('generated always as (%s) %s', e.text,
                    case v.generated when 'v' then 'virtual' else 'stored' end) end,
    {_IDENTITY},
    case when a.attnotnull then 'not null' end)"""
# `offset 0` evaluates expensive expressions once
_COLUMN_PARTS = """
join pg_type t on t.oid = a.atttypid
cross join lateral (select to_jsonb(a) offset 0) j (row)
cross join lateral (select coalesce(j.row ->> 'attgenerated', '')) v (generated)
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
cross join lateral (select pg_get_expr(d.adbin, d.adrelid) offset 0) e (text)
left join pg_collation o on o.oid = a.attcollation
left join pg_namespace k on k.oid = o.collnamespace"""
_COLUMNS = f"""(
    select coalesce(string_agg({_COLUMN_SQL}, ', ' order by a.attnum), '')
    from pg_attribute a {_COLUMN_PARTS}
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and (a.attislocal or a.attinhcount = 0))"""  # noqa: S608 - a constant
_INHERITS = """(
    select coalesce(array_agg(format('%I.%I', pn.nspname, p.relname) order by h.inhseqno), '{}')
    from pg_inherits h join pg_class p on p.oid = h.inhparent
    join pg_namespace pn on pn.oid = p.relnamespace
    where h.inhrelid = c.oid and not c.relispartition)"""
_SECURITY = """'row_security', c.relrowsecurity,
           'row_security_forced', c.relforcerowsecurity"""
_REPLICA_IDENTITY = """case c.relreplident
               when 'd' then 'default' when 'n' then 'nothing' when 'f' then 'full'
               else coalesce((select 'index ' || quote_ident(x.relname) from pg_index i
                              join pg_class x on x.oid = i.indexrelid
                              where i.indrelid = c.oid and i.indisreplident), 'no index') end"""
_ACCESS_METHOD = "(select amname from pg_am where oid = c.relam)"


def _compression(row: str) -> str:
    return f"""case {row} ->> 'attcompression' when 'p' then 'pglz' when 'l' then 'lz4'
                                                      end"""


def _storage(letter: str) -> str:
    return f"""case {letter} when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
                           when 'x' then 'extended' end"""


_TABLE = f"""
select format('%I.%I', n.nspname, c.relname), '',
       concat_ws(' ',
           format('create %stable %I.%I', case c.relpersistence when 'u' then 'unlogged ' else ''
                  end, n.nspname, c.relname),
           case when c.reloftype <> 0 then 'of ' || format_type(c.reloftype, null)
                else format('(%s)', {_COLUMNS}) end,
           'inherits (' || nullif(array_to_string(i.names, ', '), '') || ')',
           'partition by ' || pg_get_partkeydef(c.oid)),
       jsonb_build_object(
           'persistence', {_PERSISTENCE},
           {_SECURITY},
           'inherits', i.names,
           'partition_key', pg_get_partkeydef(c.oid),
           'of_type', case when c.reloftype <> 0 then format_type(c.reloftype, null) end,
           'access_method', {_ACCESS_METHOD},
           'replica_identity', {_REPLICA_IDENTITY})
from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join lateral (select {_INHERITS}) i (names)
where c.relkind in ('r', 'p') and not c.relispartition and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

_OPTIONS = """(
    select format(' options (%s)', string_agg(
        format('%I %L', split_part(w, '=', 1), substr(w, strpos(w, '=') + 1)), ', '))
    from unnest(f.ftoptions) w having count(*) > 0)"""

# the definitions of kind `partition` also create foreign tables that are partitions
_FOREIGN = f"""
select format('%I.%I', n.nspname, c.relname), '',
       case when not c.relispartition then
           format('create foreign table %I.%I (%s) server %I%s', n.nspname, c.relname, {_COLUMNS},
                  s.srvname, {_OPTIONS}) else '' end,
       jsonb_build_object(
           'server', s.srvname,
           'inherits', {_INHERITS},
           'options', {sorted_array("f.ftoptions")})
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_foreign_table f on f.ftrelid = c.oid join pg_foreign_server s on s.oid = f.ftserver
where {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

# properties of a partition's columns that differ from the parent's; equal ones are not repeated
_UNLIKE = f"""(
    select coalesce(array_agg(format('%I %s', a.attname, w.words) order by a.attname)
                        filter (where w.words is not null), '{{}}'),
           coalesce(array_agg(format('%I %s', a.attname, w.tuning) order by a.attname)
                        filter (where w.tuning is not null), '{{}}')
    from pg_attribute a
    join pg_attribute b on b.attrelid = p.oid and b.attname = a.attname and not b.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_attrdef m on m.adrelid = b.attrelid and m.adnum = b.attnum
    left join lateral (select pg_get_expr(d.adbin, d.adrelid), pg_get_expr(m.adbin, m.adrelid))
        e (own, parents) on true
    cross join lateral (select nullif(concat_ws(', ',
        case when e.own is distinct from e.parents then 'default ' || coalesce(e.own, 'none') end,
        case when a.attnotnull and not b.attnotnull then 'not null' end,
        (select 'not null not valid' from pg_constraint u
         where u.conrelid = a.attrelid and u.contype = 'n' and u.conkey[1] = a.attnum
           and not u.convalidated)), ''),
        nullif(concat_ws(', ',
        case when a.attstorage <> b.attstorage
            then 'storage ' || {_storage("a.attstorage")} end,
        case when to_jsonb(a) ->> 'attcompression' <> to_jsonb(b) ->> 'attcompression'
            then 'compression ' || coalesce({_compression("to_jsonb(a)")}, 'default') end,
        case when a.attstattarget is distinct from b.attstattarget
            then 'statistics ' || coalesce(a.attstattarget, -1) end,
        case when a.attoptions is distinct from b.attoptions
            then 'options ' || coalesce(array_to_string(a.attoptions, ' '), 'none') end), ''))
        w (words, tuning)
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)"""  # noqa: S608 - a constant

_PARTITION = f"""
select format('%I.%I', n.nspname, c.relname), format('%I.%I', pn.nspname, p.relname),
       format('create %stable %I.%I partition of %I.%I %s',
              case when c.relkind = 'f' then 'foreign ' when c.relpersistence = 'u' then 'unlogged '
              else '' end,
              n.nspname, c.relname, pn.nspname, p.relname, pg_get_expr(c.relpartbound, c.oid))
           || coalesce(' partition by ' || pg_get_partkeydef(c.oid), '')
           || coalesce((select format(' server %I%s', s.srvname, {_OPTIONS})
                        from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver
                        where f.ftrelid = c.oid), ''),
       jsonb_build_object(
           'bound', pg_get_expr(c.relpartbound, c.oid),
           'partition_key', pg_get_partkeydef(c.oid),
           'persistence', {_PERSISTENCE},
           {_SECURITY},
           'access_method', {_ACCESS_METHOD},
           'replica_identity', {_REPLICA_IDENTITY},
           'columns_unlike_parent', u.words,
           'columns_tuned_unlike_parent', u.tuning,
           'detaching', coalesce((to_jsonb(h) ->> 'inhdetachpending')::boolean, false),
           'kind', case c.relkind when 'f' then 'foreign table' else 'table' end)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_inherits h on h.inhrelid = c.oid join pg_class p on p.oid = h.inhparent
join pg_namespace pn on pn.oid = p.relnamespace
cross join lateral {_UNLIKE} u (words, tuning)
where c.relispartition and c.relkind in ('r', 'p', 'f') and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

# NOT NULL is a constraint since PostgreSQL 18, and may be NOT VALID or NO INHERIT there
_COLUMN = f"""
select format('%I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname),
       case when c.relkind in ('r', 'p', 'f') then
           format('alter table %I.%I add column %s', n.nspname, c.relname, {_COLUMN_SQL})
       else '' end,
       jsonb_build_object(
           'type', format_type(a.atttypid, a.atttypmod),
           'collation', {_COLLATION},
           'not_null', a.attnotnull,
           'not_null_validated', u.convalidated is distinct from false,
           'not_null_inherited', u.connoinherit is distinct from true,
           'default', case when v.generated = '' then e.text end,
           'generated', case v.generated when 's' then 'stored ' || e.text
               when 'v' then 'virtual ' || e.text end,
           'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
           'inherited', a.attinhcount > 0 and not a.attislocal,
           'position', row_number() over (partition by c.oid order by a.attnum),
           'storage', case when a.attstorage <> t.typstorage then {_storage("a.attstorage")} end,
           'compression', {_compression("j.row")},
           'statistics_target', nullif(j.row ->> 'attstattarget', '-1'),
           'options', {sorted_array("a.attoptions")},
           'foreign_options', case when c.relkind = 'f' then {sorted_array("a.attfdwoptions")} end)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
{_COLUMN_PARTS}
left join pg_constraint u on u.conrelid = c.oid and u.contype = 'n' and u.conkey[1] = a.attnum
where c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition and {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

_STORAGE = f"""
select format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       jsonb_build_object(
           'options', {sorted_array("c.reloptions")},
           'toast_options', {sorted_array("tc.reloptions")},
           'tablespace', (select spcname from pg_tablespace where oid = c.reltablespace))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_class tc on tc.oid = c.reltoastrelid
where c.relkind in ('r', 'p', 'm', 'i', 'I') and {_SCOPE}
  and (c.relkind not in ('i', 'I') or not c.relispartition)
  and (c.reloptions is not null or tc.reloptions is not null or c.reltablespace <> 0)
order by 1
"""  # noqa: S608 - a constant

_STATISTICS = f"""
select format('%I.%I', n.nspname, s.stxname), format('%I.%I', cn.nspname, c.relname),
       pg_get_statisticsobjdef(s.oid),
       jsonb_build_object(
           'definition', pg_get_statisticsobjdef(s.oid),
           'target', nullif(to_jsonb(s) ->> 'stxstattarget', '-1'))
from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
join pg_class c on c.oid = s.stxrelid join pg_namespace cn on cn.oid = c.relnamespace
where {_SCOPE}
order by 1
"""  # noqa: S608 - a constant

KINDS = (
    Kind("table", _TABLE),
    Kind("foreign_table", _FOREIGN),
    Kind("partition", _PARTITION),
    Kind("column", _COLUMN),
    Kind("storage", _STORAGE),
    Kind("statistics", _STATISTICS),
)
