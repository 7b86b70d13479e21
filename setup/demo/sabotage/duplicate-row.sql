-- public.feature_usage, which has no key, received a row twice
set local session_replication_role = replica;

insert into public.feature_usage
select * from public.feature_usage
order by used_at, user_id, feature, duration_ms limit 1;
