"""A schema with every kind of object that belongs to the database and not to a table."""

# every statement works on PostgreSQL 13
SCHEMA = """
create schema app;
create schema ext;
create type app.mood as enum ('sad', 'ok', 'it''s fine');
create domain app.positive as integer default 1 constraint positive_check check (value > 0);
create domain app.code as varchar(8) collate "C";
create type app.address as (street text, zip varchar(5) collate "C", number integer);
create function app.span_diff(a float8, b float8) returns float8
    language sql immutable strict as 'select a - b';
create type app.span as range (subtype = float8, subtype_diff = app.span_diff);
create type app.raw;
create function app.raw_in(cstring) returns app.raw
    language internal immutable strict as 'textin';
create function app.raw_out(app.raw) returns cstring
    language internal immutable strict as 'textout';
create type app.raw (input = app.raw_in, output = app.raw_out, like = text);

create table app.orders (id integer primary key, total numeric, note text collate "C");
create table app.other (id integer primary key, note text);
create view app.v_orders as select id from app.orders;
create sequence app.ticket;
create index orders_total on app.orders (total);

create function app.tax(n numeric, rate numeric default 0.16) returns numeric
    language sql immutable parallel safe as 'select round(n * rate, 2)';
create function app.touch() returns trigger language plpgsql as 'begin return new; end';
create function app.rows_of(n integer) returns setof integer
    language plpgsql rows 50 as 'begin return query select n; end';
create function app.on_ddl() returns event_trigger language plpgsql as 'begin end';
create procedure app.tidy(inout n integer)
    language plpgsql as 'begin n := n + 1; end';
create function app.nth() returns bigint language internal window as 'window_row_number';
create function app.add(integer, integer) returns integer
    language sql immutable as 'select $1 + $2';
create function app.same(text, text) returns boolean
    language sql immutable as 'select lower($1) = lower($2)';
create aggregate app.total(integer) (sfunc = app.add, stype = integer, initcond = '0');
create operator app.=~= (leftarg = text, rightarg = text, function = app.same);
create function app.compare(app.mood, app.mood) returns integer
    language sql immutable as 'select 0';
create operator family app.moods using btree;
create operator class app.mood_class for type app.mood using btree family app.moods as
    operator 3 =(anyenum, anyenum), function 1 app.compare(app.mood, app.mood);
create function app.address_text(app.address) returns text
    language sql immutable as 'select $1.street';
create cast (app.address as text) with function app.address_text(app.address);
create conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create function app.handler() returns language_handler
    language c as '$libdir/plpgsql', 'plpgsql_call_handler';
create language other handler app.handler;
create function app.from_internal(internal) returns internal
    language internal immutable strict as 'prsd_end';
create transform for app.mood language plpgsql
    (from sql with function app.from_internal(internal));
create access method own type index handler bthandler;
create trigger touch before update on app.orders for each row execute function app.touch();
alter table app.orders enable row level security;
create policy everybody on app.orders using (true);

create collation app.plain (locale = 'C');
create collation app.by_number (provider = icu, locale = 'en-u-kn-true', deterministic = false);
create text search dictionary app.words (template = simple, stopwords = english);
create text search configuration app.texts (copy = english);
create text search parser app.parser (start = prsd_start, gettoken = prsd_nexttoken,
    end = prsd_end, lextypes = prsd_lextype);
create text search template app.template (lexize = dsimple_lexize);

create event trigger on_ddl on ddl_command_end
    when tag in ('CREATE TABLE', 'ALTER TABLE') execute function app.on_ddl();
create publication everything for all tables;
create publication chosen for table app.orders, app.other;
create extension citext schema ext;
create foreign data wrapper wrapper options (debug 'SECRET-wrapper');
create server elsewhere type 'kind' version '1' foreign data wrapper wrapper
    options (host 'SECRET-host', password 'SECRET-server');
create user mapping for lab_app server elsewhere
    options (username 'SECRET-user', password 'SECRET-mapping');
create user mapping for public server elsewhere options (password 'SECRET-public');

comment on table app.orders is 'what was ordered';
comment on column app.orders.total is 'with tax';
comment on function app.tax(numeric, numeric) is 'a tax';
comment on trigger touch on app.orders is 'a trigger';
comment on type app.mood is 'a mood';
comment on schema app is 'the application';
comment on constraint orders_pkey on app.orders is 'a key';
comment on index app.orders_total is 'an index';
comment on extension citext is 'as its control file has it';

create schema "o'dd ""na.me";
create type "o'dd ""na.me"."smile \U0001f600
 %s {}" as enum ('a', 'b');
create function "o'dd ""na.me"."f(x)"("a ""b" integer default 1, "c,d" text default ',')
    returns integer language sql as 'select 1';
comment on function "o'dd ""na.me"."f(x)"(integer, text) is 'it''s odd';
grant execute on function "o'dd ""na.me"."f(x)"(integer, text) to "lab_ ""odd";

grant usage on schema app to lab_app;
grant select, insert on app.orders to lab_app;
grant select (id), update (note) on app.other to lab_reader;
grant usage on sequence app.ticket to lab_app;
grant execute on function app.tax(numeric, numeric) to lab_app with grant option;
grant usage on foreign server elsewhere to lab_app;
alter default privileges for role lab_owner in schema app grant select on tables to lab_reader;
alter default privileges for role lab_owner revoke execute on functions from public;
"""

ROLES = """
create role lab_owner nologin;
create role lab_app login connection limit 7 password 'SECRET-role';
create role lab_reader noinherit valid until '2031-01-01 00:00+00';
create role "lab_ ""odd";
create role lab_plain login;
grant lab_reader to lab_app;
alter role lab_app set statement_timeout = '7s';
"""

ROLE_NAMES = ("lab_app", "lab_reader", "lab_owner", 'lab_ "odd', "lab_plain")
