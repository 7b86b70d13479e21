-- a title of health.care_plan_directives gained a trailing space
set local session_replication_role = replica;

update health.care_plan_directives set title = title || ' '
where id = (
    select id from health.care_plan_directives
    where length(title) < 199 order by id offset 25 limit 1
);
