-- a doctor of health.care_plan_directives is gone while fk_cpd_doctor claims to be valid
set local session_replication_role = replica;

delete from auth.users
where id = (
    select doctor_id from health.care_plan_directives order by doctor_id offset 10 limit 1
);
