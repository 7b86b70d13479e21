-- What no check of a single table is about, and what the server or an extension owns, altered.
create index mv_sales_total on app.mv_sales (total);
create index events_q1_only on app.events_2025q1 (id) where kind is not null;
create table app.px (id int not null, region text not null default 'x', v int, primary key (region, id)) partition by list (region);
create table app.px_us partition of app.px for values in ('us');
create index px_us_v on app.px_us (v);
alter table app.px_us add constraint px_us_small foreign key (v) references app.small;
create index kv_lower on app.kv (lower(k));
alter index app.kv_lower alter column 1 set statistics 300;
alter table app.kv alter v set (n_distinct = -0.5);
create foreign table app.ft (id int options (column_name 'nr') not null, v varchar(9) default 'x', constraint ft_c check (id > 0)) server elsewhere;
create table outside.more (id int primary key, v varchar(20) not null default 'v', ref int references outside.unrelated);
create index more_v on outside.more (v);

create extension postgres_fdw schema lib;
grant usage on foreign data wrapper postgres_fdw to fault_app;
revoke execute on function lib.postgres_fdw_disconnect_all() from public;
grant execute on function lib.postgres_fdw_disconnect_all() to fault_app;
grant execute on function pg_catalog.pg_read_file(text) to fault_app;
revoke execute on function pg_catalog.pg_ls_waldir() from pg_monitor;
revoke usage on language plpgsql from public;
create table app.trusted (id int primary key, owner_id int);

-- nothing is in it, and the application creates its objects there later
create schema spare;
