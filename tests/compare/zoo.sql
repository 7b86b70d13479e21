-- Tables with every kind of value, index and key that a migration can trip over.
-- Nothing random and no clock: both sides run this file and must then be equal.
create schema app;
create schema lib;
create extension citext schema lib;

create type lib.order_status as enum ('new', 'paid', 'sent', 'cancelled');
create domain lib.positive as int check (value > 0);
create type lib.address as (street text, "zip code" text);
create function lib.tax(numeric) returns numeric language sql immutable parallel safe
    return round($1 * 0.15, 2);

-- columns t, r, k, h, q, p: names that careless SQL uses for aliases
create table app.typed (
    id int primary key,
    t text, r text, k text, h text, q text, p text, typed text,
    b boolean, i2 smallint, i4 int, i8 bigint, num numeric, num2 numeric(12, 4), f4 real, f8 float8,
    vc varchar(40), ch char(8), bp bpchar, nm name, ci lib.citext,
    by bytea, d date, tm time, tmtz timetz, ts timestamp, tstz timestamptz, iv interval,
    u uuid, j json, jb jsonb, x xml,
    ia int[], ta text[], na numeric[], ba bytea[], ea real[],
    i4r int4range, rts tstzrange, numr numrange, mr int4multirange,
    ip inet, net cidr, mac macaddr, bt bit(8), vb bit varying, mny money,
    en lib.order_status, dom lib.positive, comp lib.address, pt point, box_ box, poly polygon,
    tsv tsvector, lsn pg_lsn
);
insert into app.typed
select i, 'text ' || i, 'r' || i, 'k' || i, 'h' || i, 'q' || i, 'p' || i, 'typed' || i,
       i % 2 = 0, i, i * 1000, i * 10000000000, (i || '.10')::numeric, i * 1.25, i / 3.0, i / 7.0,
       'vc' || i, 'ch' || i, 'bp' || i, ('nm' || i)::name, 'Mixed' || i,
       decode(md5(i::text), 'hex'), date '2025-01-31' + i, time '10:34:56.789012' + i * interval '1 s',
       '12:34:56.789012+02', timestamp '2025-03-30 01:30:00.123456' + i * interval '1 min',
       timestamptz '2025-10-26 00:30:00.123456+00' + i * interval '1 min', make_interval(months => i, days => 3, secs => 4.5),
       md5(i::text)::uuid, ('{"b":1, "a":1, "a":' || i || '}')::json, jsonb_build_object('n', 1.10, 'i', i, 'nested', '{"x": [1, null]}'::jsonb),
       ('<a b="' || i || '">x</a>')::xml,
       array[3, 1, i], array['a', null, 'x' || i], array[1.0, 1.00], array['\x01'::bytea, '\x'], array[0.1, i]::real[],
       int4range(i, i + 4), tstzrange('2025-01-01+00', '2025-02-01+00', '[)'), numrange(1.0, 2.00), '{[1,3),[5,7)}',
       '10.0.0.5/24', '10.0.0.0/24', '08:00:2b:01:02:03', b'10101010', b'101', i * 1.5::money,
       'paid', i, row('Main ' || i, null)::lib.address, point(i, 1.5), box(point(0, 0), point(i, 1)), polygon(box(point(0, 0), point(i, 1))),
       to_tsvector('simple', 'one two three ' || i), '0/16B3748'
from generate_series(1, 50) i;
insert into app.typed (id) values (51);
insert into app.typed (id, t, vc, by, ta, jb, comp) values (52, '', '', '', '{}', '{}', row(null, null)::lib.address);
insert into app.typed (id, tstz, ts, d, f8, f4, num, tm) values
    (53, 'infinity', '-infinity', 'infinity', 'NaN', 'Infinity', 'NaN', '24:00:00'),
    (54, '4713-01-02 00:00:00 BC', '0044-03-15 00:00:00 BC', '0044-03-15 BC', '-0', '-0', 1.50, '00:00:00'),
    (55, '2025-01-01 00:00:00.000001+00', '2025-01-01 00:00:00.999999', '9999-12-31', 0.30000000000000004, 0.1,
     12345678901234567890.123456789012345678, '23:59:59.999999');
insert into app.typed (id, t, by) values (60, repeat('é1', 30000), decode(repeat('00ff', 30000), 'hex'));

create table app.customers (
    id int generated always as identity primary key,
    email text not null constraint customers_email_key unique,
    nick text,
    name text not null,
    tenant text not null,
    active boolean not null default true,
    note text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
insert into app.customers (email, nick, name, tenant, active, created_at, updated_at)
select 'c' || i || '@example.org', nullif('nick' || i, 'nick7'), 'Name ' || i, 't' || i % 3, i % 5 > 0,
       timestamptz '2025-01-01 00:00:00.123456+00' + i * interval '1 hour', timestamptz '2025-02-01 00:00:00.654321+00' + i * interval '1 h'
from generate_series(1, 300) i;
create index customers_name_lower_idx on app.customers (lower(name), nick);
create index customers_nick_pattern on app.customers (nick text_pattern_ops desc nulls last);
create unique index customers_active_uq on app.customers (email, nick) where active and nick is not null;
create index customers_created_brin on app.customers using brin (created_at) with (pages_per_range = 8);

create table app.orders (
    id bigint primary key,
    customer_id int not null,
    parent_id bigint,
    status lib.order_status not null default 'new',
    total numeric(12, 2) not null,
    total_with_tax numeric generated always as (total + lib.tax(total)) stored,
    placed_at timestamptz not null,
    external_ref text,
    meta jsonb not null default '{}'
);
insert into app.orders (id, customer_id, parent_id, status, total, placed_at, external_ref, meta)
select i, 1 + i % 300, nullif(i / 10, 0), (array['new', 'paid', 'sent']::lib.order_status[])[1 + i % 3], i * 1.37,
       timestamptz '2025-03-01 00:00:00+00' + i * interval '13 minutes', nullif('ref' || i, 'ref' || i / 4 * 4), jsonb_build_object('n', i)
from generate_series(1, 1000) i;
create unique index orders_ext_ref_uq on app.orders (external_ref) where external_ref is not null;
create index orders_cover_idx on app.orders (status, placed_at desc) include (total, external_ref);
create index orders_meta_gin on app.orders using gin (meta jsonb_path_ops);
create index orders_tax_idx on app.orders (lib.tax(total));
alter table app.orders
    add constraint orders_customer_id_fkey foreign key (customer_id) references app.customers on delete restrict,
    add constraint orders_parent_fk foreign key (parent_id) references app.orders deferrable initially deferred;

create table app.order_items (
    order_id bigint not null references app.orders on delete cascade on update cascade,
    line int not null,
    sku text not null,
    qty int not null,
    price numeric not null,
    primary key (order_id, line)
);
insert into app.order_items select o, l, 'sku' || l, l + 1, o * 0.10 from generate_series(1, 500) o, generate_series(1, 3) l;

create table app.line_notes (
    id uuid primary key,
    order_id bigint,
    line int,
    note varchar(100),
    constraint line_notes_item_fk foreign key (order_id, line) references app.order_items match full on delete set null
);
insert into app.line_notes select md5('n' || i)::uuid, i, 1 + i % 3, 'note ' || i from generate_series(1, 90) i;
insert into app.line_notes values (md5('none')::uuid, null, null, 'about nothing');

create table app.accounts (id int primary key, owner text not null, cents bigint not null, code lib.citext unique);
insert into app.accounts select i, 'own' || i, i * 100, 'Code' || i from generate_series(1, 20) i;
create table app.aliases (alias text primary key, code lib.citext references app.accounts (code));
insert into app.aliases select 'alias' || i, upper('code' || i) from generate_series(1, 20) i;
create table app.ledger (
    id bigint primary key,
    account_id int references app.accounts on delete set default,
    cents bigint not null,
    idem text constraint ledger_idem_key unique,
    at timestamptz
);
insert into app.ledger select i, 1 + i % 20, i, 'idem' || i, timestamptz '2025-06-01 00:00:00.000001+00' + i * interval '1 minute'
from generate_series(1, 400) i;
insert into app.ledger values (401, 1, 1, null, null), (402, 1, 1, null, 'infinity');

create table app.kv (k text collate "C" primary key, v text);
insert into app.kv select 'key-' || i, 'v' || i from generate_series(1, 240) i;
insert into app.kv values ('null', null), ('empty', ''), ('text null', 'NULL'), ('trail', 'abc  '), ('cafe', 'café'),
    ('emoji', 'ok 😀'), ('nbsp', U&'a\00a0b'), ('zwsp', U&'a\200bb'), ('quote', 'a"b''c\d'), ('big', repeat('0123456789', 10000));

create table app.audit_log (at timestamptz not null, who text, action text, detail jsonb);
insert into app.audit_log select timestamptz '2025-01-01+00' + i / 3 * interval '1 s', 'who' || i % 3 / 2, 'act', jsonb_build_object('g', i / 3)
from generate_series(1, 90) i;

create table app.events (id int not null, at timestamptz not null, kind text, primary key (id, at)) partition by range (at);
create table app.events_2025q1 partition of app.events for values from ('2025-01-01+00') to ('2025-04-01+00');
create table app.events_2025q2 partition of app.events for values from ('2025-04-01+00') to ('2025-07-01+00');
create table app.events_default partition of app.events default;
create index events_kind_idx on app.events (kind);
insert into app.events select i, timestamptz '2025-01-01+00' + i * interval '1 day', 'kind' || i % 4 from generate_series(1, 200) i;
create table app.event_notes (
    id int primary key, event_id int, event_at timestamptz, note text,
    constraint event_notes_event_fk foreign key (event_id, event_at) references app.events
);
insert into app.event_notes select i, i, timestamptz '2025-01-01+00' + i * interval '1 day', 'n' || i from generate_series(1, 50) i;

create table app.animals (id int primary key, name text);
create table app.dogs (breed text, primary key (id)) inherits (app.animals);
insert into app.animals select i, 'animal ' || i from generate_series(1, 10) i;
insert into app.dogs select i, 'dog ' || i, 'breed ' || i from generate_series(101, 110) i;

create table app.booking (id int primary key, during tsrange not null, constraint booking_during_excl exclude using gist (during with &&));
insert into app.booking select i, tsrange(timestamp '2025-01-01' + i * interval '1 day', timestamp '2025-01-02' + i * interval '1 day') from generate_series(1, 20) i;

create table app."Mixed ""Case" ("The Key" text primary key, "100% value, ok" text);
insert into app."Mixed ""Case" select 'K' || i, 'V' || i from generate_series(1, 20) i;
create index "Mixed Index" on app."Mixed ""Case" ((upper("100% value, ok")), "100% value, ok");

create table app.nothing_yet (id int primary key, v text);
create unlogged table app.session_cache (id int primary key, v text);
insert into app.session_cache select i, 'v' || i from generate_series(1, 20) i;

create schema outside;
create table outside.unrelated (id int primary key, v text);
