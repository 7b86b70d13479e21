-- No mover carries materialized views or statistics.
set local role kgc_owner;

refresh materialized view public.content_engagement;

do $$
declare
    relation regclass;
begin
    for relation in
        select c.oid
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'auth', 'health', 'audit')
          and c.relkind in ('r', 'p', 'm') and not c.relispartition
          and pg_catalog.pg_get_userbyid(c.relowner) = current_user
        order by c.oid
    loop
        execute format('analyze %s', relation);
    end loop;
end
$$;
