-- The two questions the dashboards ask: what came in lately, and one patient's course.
set local role kgc_owner;

create index idx_health_metrics_date on health.health_metrics (recorded_at);
create index idx_health_metrics_user_id_date on health.health_metrics (user_id, recorded_at desc);
