-- DMS reads the source's WAL: REPLICATION of one's own servers, rds_replication on RDS.
do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'rds_replication') then
        execute 'grant rds_replication to dms';
    else
        execute 'alter role dms replication';
    end if;
end
$$;
