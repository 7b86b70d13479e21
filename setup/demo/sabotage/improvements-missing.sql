-- the migration's own idx_health_metrics_date and fk_cpd_doctor are missing
drop index health.idx_health_metrics_date;

alter table health.care_plan_directives drop constraint fk_cpd_doctor;
