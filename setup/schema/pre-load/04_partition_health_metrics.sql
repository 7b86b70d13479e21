-- health_metrics by month. A partitioned table's key must hold the partition key, so the primary
-- key becomes (id, recorded_at): ids stay unique as long as they come from the sequence alone.
set local role kgc_owner;

create table health.health_metrics (
    like public.health_metrics
        including defaults including constraints including storage including comments,
    constraint health_metrics_pkey primary key (id, recorded_at),
    constraint health_metrics_user_id_fkey foreign key (user_id)
        references auth.users (id) on delete cascade
) partition by range (recorded_at);

create index health_metrics_user_id_metric_idx on health.health_metrics (user_id, metric);
grant select, insert, update, delete on health.health_metrics to kgc_app;

alter sequence public.health_metrics_id_seq owned by none;
alter sequence public.health_metrics_id_seq set schema health;
alter sequence health.health_metrics_id_seq owned by health.health_metrics.id;
drop table public.health_metrics;

-- From the first month KGC has measured to half a year ahead. Bounds are UTC whatever the session
-- says; what falls outside goes to the default partition, and the gate will find it there.
do $$
declare
    month timestamp := '2025-01-01';
begin
    while month < greatest(now() at time zone 'UTC', '2026-07-01') + interval '6 months' loop
        execute format(
            'create table health.%I partition of health.health_metrics '
            'for values from (%L) to (%L)',
            'health_metrics_' || to_char(month, 'YYYY_MM'),
            to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00',
            to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
        );
        month := month + interval '1 month';
    end loop;
end
$$;

create table health.health_metrics_default partition of health.health_metrics default;
