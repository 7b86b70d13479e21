-- a row of public.recommendations is lost
set local session_replication_role = replica;

delete from public.recommendations
where id = (select id from public.recommendations order by id offset 100 limit 1);
