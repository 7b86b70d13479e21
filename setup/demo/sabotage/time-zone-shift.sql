-- every occurred_at of public.emergency_events is ten hours late
set local session_replication_role = replica;

update public.emergency_events set occurred_at = occurred_at + interval '10 hours';
