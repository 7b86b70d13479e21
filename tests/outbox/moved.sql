-- the target: readings is partitioned, and has another column in its key; people is core.persons
drop table app.readings;
create table app.readings (id int, day date not null, v int, primary key (id, day))
    partition by range (day);
create table app.readings_1 partition of app.readings
    for values from ('2026-01-01') to ('2026-02-01');
create table app.readings_2 partition of app.readings default;
create schema core;
alter table app.people set schema core;
alter table core.people rename to persons;
alter table core.persons rename note to remark;
alter table core.persons drop secret;
create or replace function app.stamp() returns trigger language plpgsql as $$
begin
    new.remark := coalesce(new.remark, '') || '!';
    return new;
end $$;
