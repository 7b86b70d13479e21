-- public.user_favorites lost a row and gained another: the count is still right
set local session_replication_role = replica;

with lost as (
    delete from public.user_favorites
    where id = (select id from public.user_favorites order by id offset 50 limit 1)
    returning *
)
insert into public.user_favorites (id, user_id, image_id, position, created_at)
select id + 1000000, user_id + 1000000, image_id, position, created_at from lost;
