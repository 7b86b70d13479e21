"""Tables, foreign tables, and the partitions of partitioned ones."""

from pgcutover.schema.kinds.model import RELATIONS, Kind, not_of_an_extension, sorted_array

_OURS = f"{RELATIONS} and {not_of_an_extension('pg_class', 'c.oid')}"
_PERSISTENCE = """case c.relpersistence when 'p' then 'permanent' when 'u' then 'unlogged'
           else 'temporary' end"""
_COLUMNS = """(select coalesce(string_agg(
               format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
               order by a.attnum), '')
           from pg_attribute a
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)"""

_TABLE = f"""
select format('%I.%I', n.nspname, c.relname), '',
       format('create %stable %I.%I (%s)%s',
              case c.relpersistence when 'u' then 'unlogged ' else '' end,
              n.nspname, c.relname, {_COLUMNS},
              coalesce(' partition by ' || pg_get_partkeydef(c.oid), '')),
       jsonb_build_object(
           'persistence', {_PERSISTENCE},
           'row_security', c.relrowsecurity,
           'row_security_forced', c.relforcerowsecurity,
           'inherits', (
               select coalesce(array_agg(format('%I.%I', pn.nspname, p.relname)
                                         order by h.inhseqno), '{{}}')
               from pg_inherits h join pg_class p on p.oid = h.inhparent
               join pg_namespace pn on pn.oid = p.relnamespace where h.inhrelid = c.oid),
           'partition_key', pg_get_partkeydef(c.oid),
           'of_type', case when c.reloftype <> 0 then format_type(c.reloftype, null) end,
           'access_method', (select amname from pg_am where oid = c.relam),
           'replica_identity', case c.relreplident
               when 'd' then 'default' when 'n' then 'nothing' when 'f' then 'full'
               else coalesce((select 'index ' || x.relname from pg_index i
                              join pg_class x on x.oid = i.indexrelid
                              where i.indrelid = c.oid and i.indisreplident), 'no index') end)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and {_OURS}
order by 1
"""  # noqa: S608 - a constant

_FOREIGN = f"""
select format('%I.%I', n.nspname, c.relname), '',
       format('create foreign table %I.%I (%s) server %I', n.nspname, c.relname, {_COLUMNS},
              s.srvname),
       jsonb_build_object(
           'server', s.srvname,
           'options', {sorted_array("f.ftoptions")})
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_foreign_table f on f.ftrelid = c.oid join pg_foreign_server s on s.oid = f.ftserver
where {_OURS}
order by 1
"""  # noqa: S608 - a constant

_PARTITION = f"""
select format('%I.%I', n.nspname, c.relname), format('%I.%I', pn.nspname, p.relname),
       format('create table %I.%I partition of %I.%I %s%s', n.nspname, c.relname, pn.nspname,
              p.relname, pg_get_expr(c.relpartbound, c.oid),
              coalesce(' partition by ' || pg_get_partkeydef(c.oid), '')),
       jsonb_build_object(
           'bound', pg_get_expr(c.relpartbound, c.oid),
           'partition_key', pg_get_partkeydef(c.oid),
           'persistence', {_PERSISTENCE},
           'kind', case c.relkind when 'f' then 'foreign table' else 'table' end)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_inherits h on h.inhrelid = c.oid join pg_class p on p.oid = h.inhparent
join pg_namespace pn on pn.oid = p.relnamespace
where c.relispartition and c.relkind in ('r', 'p', 'f') and {_OURS}
order by 1
"""  # noqa: S608 - a constant

_COLUMN = f"""
select format('%I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname),
       case when c.relkind in ('r', 'p', 'f') then
           format('alter table %I.%I add column %I %s%s%s', n.nspname, c.relname, a.attname,
                  format_type(a.atttypid, a.atttypmod),
                  case when v.generated <> '' then ' generated always as (' || e.text || ') '
                      || case v.generated when 'v' then 'virtual' else 'stored' end
                  else coalesce(' default ' || e.text, '') end,
                  case when a.attnotnull then ' not null' else '' end)
       else '' end,
       jsonb_build_object(
           'type', format_type(a.atttypid, a.atttypmod),
           'collation', case when a.attcollation <> t.typcollation
               then format('%I.%I', k.nspname, o.collname) end,
           'not_null', a.attnotnull,
           'default', case when v.generated = '' then e.text end,
           'generated', case v.generated when 's' then 'stored ' || e.text
               when 'v' then 'virtual ' || e.text end,
           'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
           'inherited', a.attinhcount > 0 and not a.attislocal,
           'position', row_number() over (partition by c.oid order by a.attnum),
           'storage', case when a.attstorage <> t.typstorage then a.attstorage::text end,
           'compression', nullif(to_jsonb(a) ->> 'attcompression', ''),
           'statistics_target', nullif(to_jsonb(a) ->> 'attstattarget', '-1'),
           'options', {sorted_array("a.attoptions || a.attfdwoptions")})
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join lateral (select coalesce(to_jsonb(a) ->> 'attgenerated', '')) v (generated) on true
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
left join lateral (select pg_get_expr(d.adbin, d.adrelid)) e (text) on true
left join pg_collation o on o.oid = a.attcollation
left join pg_namespace k on k.oid = o.collnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition and {_OURS}
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
where c.relkind in ('r', 'p', 'm', 'i', 'I') and {_OURS}
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
where {_OURS}
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
