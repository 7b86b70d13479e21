-- KGC's roles, the same on source and target. Passwords are set apart, at run time.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['kgc_owner', 'kgc_app', 'dms', 'kgc_check', 'kgc_cutover'] loop
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
alter role kgc_cutover login;

-- the mover writes tables that kgc_owner owns, and creates its control tables beside them
grant kgc_owner to dms;

-- the gate and the cutover look for old transactions of every role
grant pg_read_all_stats to kgc_check, kgc_cutover;

-- the cutover locks and fences the tables, raises sequences and writes markers
grant kgc_owner to kgc_cutover;

-- before PostgreSQL 14 there is no pg_read_all_data: the schema's default privileges stand in
do $$
begin
    if current_setting('server_version_num')::integer >= 140000 then
        execute 'grant pg_read_all_data to kgc_check';
    end if;
end
$$;

-- DMS reads the WAL of the source, and that of the target on the way back, and the cutover creates slots
-- on both: REPLICATION on one's own servers, rds_replication on RDS.
do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'rds_replication') then
        execute 'grant rds_replication to dms, kgc_cutover';
    else
        execute 'alter role dms replication';
        execute 'alter role kgc_cutover replication';
    end if;
end
$$;

-- DMS applies with session_replication_role = replica, so that triggers, which have already fired
-- on the side it reads, do not fire a second time, and the write fence lets it pass.
do $$
begin
    if current_setting('server_version_num')::integer >= 150000 then
        execute 'grant set on parameter session_replication_role to dms';
    else
        -- no privileges on parameters yet: a superuser's setting of the role stands in
        execute 'alter role dms set session_replication_role = replica';
    end if;
end
$$;
