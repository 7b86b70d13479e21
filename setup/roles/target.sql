-- DMS applies with session_replication_role = replica, so that triggers, which have already fired
-- on the source, do not fire a second time here.
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
