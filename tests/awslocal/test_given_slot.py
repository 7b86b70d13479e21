"""Test a task that begins in a slot made before: SlotName of the endpoint, CdcStartPosition."""

import pytest
from awslocal.rig import Workshop, both, include, run, transform, wait_until
from botocore.exceptions import ClientError

from pgcutover.awslocal.cdc.decoding_text import RowChange, Truncated, parse_line
from pgcutover.errors import UnreadableError
from pgcutover.pgoutput.messages import UNCHANGED

TABLES = """
create schema "Odd.S";
create type "Odd.S"."my]type" as enum ('a b', '[');
create table public.t (
    id int primary key, "Na""me" text, tags text[], kind "Odd.S"."my]type", at timestamptz,
    flag boolean, bits bit(3), amount numeric, big text, raw bytea
);
alter table public.t alter big set storage external;
create table "Odd.S"."T able" (a int, b text, primary key (a, b));
create table public.full_row (a int, b text);
alter table public.full_row replica identity full
"""
ROWS = """
insert into public.t values
    (1, 'it''s [x]: y', '{"a b",NULL,"]"}', '[', '2026-01-02 03:04:05.678901+00', true, b'101',
     'NaN', repeat('long ', 3000), '\\xdead'),
    (2, '', '{}', 'a b', null, false, null, -0.50, null, ''),
    (3, e'two\\nlines', null, null, '1999-12-31 23:59:59-08', null, b'000', 1e20, 'null', null);
insert into "Odd.S"."T able" values (1, 'o''ne'), (2, 'two');
insert into public.full_row values (1, 'gone')
"""
CHANGES = """
begin;
update public.t set "Na""me" = null where id = 1;
update public.t set id = 30 where id = 3;
savepoint s; insert into public.t (id) values (77); rollback to s;
delete from "Odd.S"."T able" where b = 'two';
commit;
begin; insert into public.t (id) values (88); rollback;
select pg_logical_emit_message(true, 'x', 'table public.t: INSERT: id[integer]:99')
"""
ALL = "select string_agg(t::text, '/' order by id) from public.t t"


def given(workshop: Workshop, plugin: str = "test_decoding") -> str:
    name = f"given_{workshop.databases.name}"
    run(
        workshop.databases.source, "select pg_create_logical_replication_slot(%s, %s)", name, plugin
    )
    return name


def position(workshop: Workshop, slot: str) -> str:
    query = "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s"
    return str(run(workshop.databases.source, query, slot)[0][0])


def test_a_task_goes_on_from_the_slot_and_leaves_it(workshop: Workshop) -> None:
    both(workshop.databases, TABLES)
    slot = given(workshop)
    run(workshop.databases.source, ROWS)
    task = workshop.task(
        include(1),
        include(2, schema="Odd.S"),
        kind="cdc",
        source_settings={"SlotName": slot, "PluginName": "test-decoding"},
        start_position=position(workshop, slot),
    )
    task.start()
    task.arrives(ALL, task.source(ALL)[0][0])
    task.stop()
    run(workshop.databases.source, CHANGES)
    task.start("resume-processing")
    task.arrives('select string_agg(b, \',\') from "Odd.S"."T able"', "o'ne")
    # the key change of row 3 is not applied, as DMS says of itself
    task.arrives('select count(*) from public.t where "Na""me" is null', 1)
    assert task.target("select length(big) from public.t where id = 1") == [(15_000,)]
    run(workshop.databases.source, "truncate public.full_row, public.t")
    task.arrives("select count(*) from public.t", 0)
    task.stop()
    arn = task.arn
    task.dms.delete_replication_task(ReplicationTaskArn=arn)
    tasks = task.dms.describe_replication_tasks
    wait_until(
        lambda: arn not in [t["ReplicationTaskArn"] for t in tasks()["ReplicationTasks"]],
        "the task's end",
    )
    assert position(workshop, slot)
    assert run(workshop.databases.source, "select count(*) from pg_publication") == [(0,)]


def test_partitions_follow_into_one_table(workshop: Workshop) -> None:
    run(
        workshop.databases.source,
        "create table public.p (id int, at date, primary key (id, at)) partition by range (at);"
        "create table public.p_1 partition of public.p for values from ('2026-01-01')"
        " to ('2026-02-01');"
        "create table public.p_2 partition of public.p for values from ('2026-02-01')"
        " to ('2026-03-01')",
    )
    run(workshop.databases.target, "create table public.p (id int primary key, at date)")
    slot = given(workshop)
    run(
        workshop.databases.source,
        "insert into public.p values (1, '2026-01-05'), (2, '2026-02-05');"
        "update public.p set at = '2026-01-06' where id = 1; delete from public.p where id = 2",
    )
    task = workshop.task(
        include(1, table="p_1"),
        include(2, table="p_2"),
        transform(3, "table", "rename", "p", schema="public", table="p_1"),
        transform(4, "table", "rename", "p", schema="public", table="p_2"),
        kind="cdc",
        source_settings={"SlotName": slot},
        start_position=position(workshop, slot),
    )
    task.start()
    run(workshop.databases.source, "insert into public.p values (3, '2026-02-06')")
    task.arrives("select string_agg(id::text, ',' order by id) from public.p", "1,3")


def test_a_slot_without_a_position_is_refused(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    slot = given(workshop, "pgoutput")
    settings = {"SlotName": slot}
    with pytest.raises(ClientError, match="SlotName requires a CdcStartPosition"):
        workshop.task(kind="cdc", source_settings=settings)
    with pytest.raises(ClientError, match="only a cdc task uses it"):
        workshop.task(source_settings=settings)
    task = workshop.task(kind="cdc", source_settings=settings, start_position="0/1")
    task.start()
    ended = task.ended("failed")
    assert "is not a test_decoding slot of this database" in ended["LastFailureMessage"]


def test_lines_of_test_decoding_are_parsed() -> None:
    line = """table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 \
"a b"[text[]]:'{x'' [}' big[text]:unchanged-toast-datum n[numeric]:null"""
    assert parse_line(line) == RowChange(
        ("public", "t"),
        "UPDATE",
        {"id": "2", "a b": "{x' [}", "big": UNCHANGED, "n": None},
        {"id": "1"},
    )
    assert parse_line('table a.t, "B"."T.2": TRUNCATE: (no-flags)') == Truncated(
        (("a", "t"), ("B", "T.2"))
    )
    assert parse_line("table a.t: DELETE: (no-tuple-data)") == RowChange(
        ("a", "t"), "DELETE", {}, {}
    )
    assert parse_line("BEGIN 12") is None
    with pytest.raises(UnreadableError, match="does not write"):
        parse_line("opening a streamed block")
