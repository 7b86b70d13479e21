-- KGC's roles, the same on source and target. Passwords are set apart, at run time.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['kgc_owner', 'kgc_app', 'dms', 'kgc_check'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            execute format('create role %I', wanted);
        end if;
    end loop;
end
$$;

alter role kgc_owner nologin;
alter role kgc_app login;
alter role dms login;
alter role kgc_check login;

-- the mover writes tables that kgc_owner owns, and creates its control tables beside them
grant kgc_owner to dms;

-- before PostgreSQL 14 there is no pg_read_all_data: the schema's default privileges stand in
do $$
begin
    if current_setting('server_version_num')::integer >= 140000 then
        execute 'grant pg_read_all_data to kgc_check';
    end if;
end
$$;
