-- names of auth.users in UTF-8 were read as Latin-1 on the way
set local session_replication_role = replica;

update auth.users
set display_name = left(convert_from(convert_to(display_name, 'UTF8'), 'LATIN1'), 120)
where id in (
    select id from auth.users
    where octet_length(display_name) <> length(display_name) order by id offset 5 limit 20
);
