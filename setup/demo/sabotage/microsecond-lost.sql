-- a recorded_at of health.health_metrics lost its last microsecond digit
set local session_replication_role = replica;

update health.health_metrics
set recorded_at = recorded_at
    - (extract(microseconds from recorded_at)::bigint % 10) * interval '1 microsecond'
where id = (
    select id from health.health_metrics
    where extract(microseconds from recorded_at)::bigint % 10 <> 0
    order by id offset 1000 limit 1
);
