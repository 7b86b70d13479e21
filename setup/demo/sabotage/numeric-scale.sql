-- a value of health.health_metrics such as 36.60 is 36.6: equal as a number, not as written
set local session_replication_role = replica;

update health.health_metrics set value = trim_scale(value)
where id = (
    select id from health.health_metrics
    where scale(value) > min_scale(value) order by id offset 500 limit 1
);
