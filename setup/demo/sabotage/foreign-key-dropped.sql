-- the foreign key fk_cpd_doctor is missing
alter table health.care_plan_directives drop constraint fk_cpd_doctor;
