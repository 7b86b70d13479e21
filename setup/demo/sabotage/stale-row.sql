-- a row of public.progress_milestones missed its last update
set local session_replication_role = replica;

update public.progress_milestones set achieved_value = null, achieved_at = null
where id = (
    select id from public.progress_milestones
    where achieved_at is not null order by id offset 40 limit 1
);
