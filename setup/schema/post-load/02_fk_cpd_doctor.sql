-- A directive's doctor must exist; the source never said so.
set local role kgc_owner;

alter table health.care_plan_directives
    add constraint fk_cpd_doctor foreign key (doctor_id) references auth.users (id);
