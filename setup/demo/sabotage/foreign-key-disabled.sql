-- the foreign keys of public.recommendations are switched off, and a row refers to nobody
alter table public.recommendations disable trigger all;

update public.recommendations set user_id = user_id + 1000000
where id = (select id from public.recommendations order by id offset 200 limit 1);
