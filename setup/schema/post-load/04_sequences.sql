-- No mover carries the positions of sequences. They begin so far past what has been loaded that the
-- source, which goes on until the cutover, does not catch up with them.
set local role kgc_owner;

do $$
declare
    margin constant bigint := 100000;
    drawn record;
    greatest_value bigint;
begin
    for drawn in
        select s.oid::regclass as sequence, t.oid::regclass as relation, a.attname as column_name
        from pg_catalog.pg_class s
        join pg_catalog.pg_depend d
            on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = s.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
        join pg_catalog.pg_class t on t.oid = d.refobjid
        join pg_catalog.pg_namespace n on n.oid = t.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
        where s.relkind = 'S' and n.nspname in ('public', 'auth', 'health', 'audit')
          and pg_catalog.pg_get_userbyid(t.relowner) = current_user
        order by s.oid
    loop
        execute format('select max(%I) from %s', drawn.column_name, drawn.relation)
            into greatest_value;
        perform setval(drawn.sequence, coalesce(greatest_value, 0) + margin);
    end loop;
end
$$;

-- Owned by no column, though one draws from it.
select setval('public.invitation_number_seq', coalesce(max(invitation_number), 0) + 100000)
from public.patient_invitations;
