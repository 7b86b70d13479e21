create schema app;
create table app.people (
    id int primary key, email text unique, name char(8), born date, note text, secret text,
    parent int references app.people (id) on delete cascade on update cascade
);
create table app.visits (
    id bigint generated always as identity primary key,
    person int references app.people (id) on delete cascade on update cascade,
    at timestamptz, cost numeric, twice numeric generated always as (cost * 2) stored
);
create table app.metrics (id int not null, day date not null, v float8, unique (id, day))
    partition by range (day);
create table app.metrics_1 partition of app.metrics
    for values from ('2026-01-01') to ('2026-02-01');
create table app.metrics_2 partition of app.metrics
    for values from ('2026-02-01') to ('2026-03-01');
create table app.stamps (at timestamptz, f float8, v int, primary key (at, f));
create table app.readings (id int primary key, day date not null, v int);
create table app.rates (rate numeric primary key, v int);
create table app.numbered (id int primary key, v int, n int generated always as identity);
create table app.keyless (v int);
create function app.stamp() returns trigger language plpgsql as $$
begin
    new.note := coalesce(new.note, '') || '!';
    return new;
end $$;
create trigger stamp before insert or update on app.people
    for each row execute function app.stamp();
