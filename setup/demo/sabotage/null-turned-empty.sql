-- a family_name of auth.users that was NULL is the empty string
set local session_replication_role = replica;

update auth.users set family_name = ''
where id = (select id from auth.users where family_name is null order by id offset 10 limit 1);
