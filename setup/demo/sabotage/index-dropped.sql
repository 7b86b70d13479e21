-- the index idx_health_metrics_date is missing
drop index health.idx_health_metrics_date;
