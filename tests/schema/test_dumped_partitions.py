"""Test that `create table partition of` equals a partition that pg_dump attaches."""

import psycopg

from pgcutover.connect import open_session
from pgcutover.provision.pg_dump import SECTIONS, dump_statements
from pgcutover.provision.sql_splitter import Statement
from pgcutover.schema.expected.dumped_partitions import create_as_partitions
from pgcutover.schema.expected.partition_groups import create_in_groups
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.snapshot import collect_snapshot

SCHEMA = """
create schema "Odd ""s";
create domain cents as int check (value >= 0);
create table events (
    id bigint not null, at timestamptz not null default now(), kind text collate "C" default 'x)',
    cost cents, twice int generated always as (1 + 1) stored,
    constraint cost_check check (cost < 1000), primary key (id, at), unique (at, id)
) partition by range (id);
create table events_1 partition of events for values from (minvalue) to (10);
create table events_2 partition of events for values from (10) to (20);
create table "Odd ""s"."events (3)" partition of events for values from (20) to (30);
create table events_rest partition of events default;
create unlogged table events_unlogged partition of events for values from (30) to (40);
create table events_filled partition of events for values from (40) to (50) with (fillfactor = 70);
create table events_own_default partition of events (kind default 'y') for values from (50) to (60);
create table events_checked partition of events (check (kind <> 'z')) for values from (60) to (70);
create table events_turned (
    twice int generated always as (1 + 1) stored, cost cents, kind text collate "C" default 'x)',
    at timestamptz not null default now(), id bigint not null,
    constraint cost_check check (cost < 1000));
alter table events attach partition events_turned for values from (70) to (80);
create table events_stored partition of events for values from (80) to (90);
alter table events_stored alter kind set storage external, alter kind set statistics 7;
create table events_by_day partition of events for values from (90) to (100)
    partition by range (at);
create table events_by_day_1 partition of events_by_day
    for values from ('2026-01-01') to ('2026-01-02');
create table letters (letter text) partition by list (letter);
create table letters_a partition of letters for values in ('a', 'it''s', null);
create index on events (kind);
create index on only events (cost);
comment on table events_1 is 'the first';
comment on column events_2.cost is 'in cents';
create role seller;
alter table events_2 owner to seller;
grant select (id) on events_1 to seller;
create table serials (id serial, part int) partition by hash (part);
create table serials_0 partition of serials for values with (modulus 2, remainder 0);
create table serials_1 partition of serials for values with (modulus 2, remainder 1);
alter table serials_1 alter id drop default;
create table z_parent (id int not null) partition by list (id);
create table a_child partition of z_parent for values in (1, null);
create table replaced (id int) partition by list (id);
create table replaced_1 partition of replaced for values in (1);
alter table replaced alter id set storage plain, replica identity full;
alter table replaced_1 replica identity full, enable row level security;
"""
# not in the snapshots: whether each part of a partition is inherited
CATALOG = """
select c.oid::regclass::text, c.relam::text, c.relpersistence::text, c.relreplident::text,
       pg_get_expr(c.relpartbound, c.oid), c.reloptions::text,
       (select array_agg((a.attnum, a.attname, a.attislocal, a.attinhcount, a.attstorage,
                          a.attcompression, a.attnotnull, a.atthasdef)::text order by attnum)
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
       (select array_agg((k.conname, k.contype, k.conislocal, k.coninhcount, k.connoinherit)::text
                         order by conname) from pg_constraint k where k.conrelid = c.oid),
       (select array_agg((d.refobjid::regclass, d.deptype)::text order by d.refobjid, d.deptype)
        from pg_depend d where d.objid = c.oid and d.refclassid = 'pg_class'::regclass)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)' order by 1
"""
AS_PARTITIONS = {
    "public.events_1", "public.events_2", "public.events_rest", '"Odd ""s"."events (3)"',
    "public.events_by_day_1", "public.letters_a", "public.a_child",
}  # fmt: skip


def described(dsn: str, statements: list[Statement]) -> tuple[object, object]:
    with psycopg.connect(dsn) as connection:
        connection.execute(";".join(each.text for each in statements).encode())
        connection.execute("set search_path = pg_catalog")
        catalog = connection.execute(CATALOG).fetchall()
    with open_session(dsn) as session:
        objects = collect_snapshot(session, KINDS).objects
    return catalog, {o.identity: o for o in objects}


def test_created_partitions_equal_attached_ones(databases, fresh_database):
    with psycopg.connect(databases.source) as source:
        source.execute(SCHEMA)
    with psycopg.connect(databases.target) as target:
        target.execute("create role seller")
    try:
        dumped = dump_statements(databases.source, SECTIONS, publications=True)
        rewritten = create_as_partitions(dumped, databases.servers.target.major)
        partitions = {
            s.text.split(" PARTITION OF")[0] for s in rewritten if " PARTITION OF" in s.text
        }
        assert partitions == {f"CREATE TABLE {name}" for name in AS_PARTITIONS}
        grouped = create_in_groups(rewritten, few=0)
        assert sum("update pg_inherits" in s.text for s in grouped) == 4
        catalog, objects = described(databases.target, dumped)
        for statements in (rewritten, grouped):
            found_catalog, found = described(fresh_database("target"), statements)
            assert found_catalog == catalog
            assert {i: o for i, o in found.items() if objects.get(i) != o} == {}
            assert found.keys() == objects.keys()
    finally:
        for dsn in (databases.source, databases.target):
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("drop owned by seller")


def test_a_major_that_inherits_constraint_names_attaches_them():
    dumped = [
        Statement("CREATE TABLE s.p (\n    id integer NOT NULL\n)\nPARTITION BY LIST (id)", 1),
        Statement("CREATE TABLE s.p_1 (\n    id integer NOT NULL\n)", 5),
        Statement("ALTER TABLE ONLY s.p ATTACH PARTITION s.p_1 FOR VALUES IN (1)", 9),
    ]
    assert len(create_as_partitions(dumped, 17)) == 2
    assert create_as_partitions(dumped, 18) == dumped
