set local role kgc_owner;

alter table public.care_plan_directives set schema health;
alter table public.admin_activity_log set schema audit;
