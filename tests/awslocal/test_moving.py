"""Test full load and ordered changes of rows by the mapping rules."""

import pytest
from awslocal.rig import Workshop, both, include, transform


def test_full_load_and_changes_arrive(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.note (id int primary key, body text)")
    task = workshop.task()
    task.source("insert into public.note select n, 'body ' || n from generate_series(1, 3000) n")
    task.start()
    task.loaded()
    assert task.target("select count(*), max(body) from public.note") == [(3000, "body 999")]
    task.source("insert into public.note values (5000, 'new')")
    task.source("update public.note set body = 'changed' where id = 1")
    task.source("delete from public.note where id = 2")
    task.arrives(
        "select string_agg(id || body, ',' order by id) from public.note where id in (1, 2, 5000)",
        "1changed,5000new",
    )
    statistics = task.statistics("note")
    assert statistics["TableState"] == "Table completed"
    assert statistics["FullLoadRows"] == 3000
    captured = [statistics[name] for name in ("Inserts", "Updates", "Deletes")]
    applied = [statistics[f"Applied{name}"] for name in ("Inserts", "Updates", "Deletes")]
    assert captured == applied == [1, 1, 1]
    assert task.stop()["StopReason"] == "Stop Reason NORMAL"


def test_rules_rename_schema_table_and_column_and_remove_a_column(workshop: Workshop) -> None:
    workshop.databases_run(
        source="create table public.users (id int primary key, mail text, shoe int);"
        "create table public.other (id int primary key);"
        "create table public.log_a (id int primary key)",
        target="create schema auth; create table auth.people (id int primary key, email text);"
        "create table public.log_a (id int primary key)",
    )
    task = workshop.task(
        include(1, table="users"),
        include(2, table="log[_]%"),
        transform(3, "schema", "rename", "auth", table="users"),
        transform(4, "table", "rename", "people", table="users"),
        transform(5, "column", "rename", "email", table="users", column="mail"),
        transform(6, "column", "remove-column", table="users", column="shoe"),
    )
    task.source("insert into public.users values (1, 'a', 40); insert into public.log_a values (7)")
    task.start()
    task.loaded()
    task.source("insert into public.users values (2, 'b', 41)")
    task.source("update public.users set mail = 'c', shoe = 9 where id = 1")
    task.arrives("select string_agg(id || email, ',' order by id) from auth.people", "1c,2b")
    assert task.target("select id from public.log_a") == [(7,)]
    assert task.target("select to_regclass('public.other')") == [(None,)]


def test_a_transaction_of_many_tables_arrives_whole_and_in_order(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.a (id int primary key, n int unique);"
        "create table public.b (id int primary key, a_id int references public.a)",
    )
    task = workshop.task()
    task.source("insert into public.a values (1, 1), (2, 2)")
    task.start()
    task.loaded()
    # each step conflicts unless the previous one is applied
    task.source(
        "begin; update public.a set n = 3 where id = 1; update public.a set n = 1 where id = 2;"
        "update public.a set n = 2 where id = 1; insert into public.b values (1, 1);"
        "delete from public.b; insert into public.b values (1, 2); commit"
    )
    task.arrives("select string_agg(id || ':' || n, ',' order by id) from public.a", "1:2,2:1")
    assert task.target("select id, a_id from public.b") == [(1, 2)]
    assert task.target("select count(*) from public.awsdms_apply_exceptions") == [(0,)]


def test_a_large_transaction_streams(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.big (id int primary key, body text)")
    task = workshop.task()
    task.start()
    task.loaded()
    task.source("insert into public.big select n, repeat('x', 20) from generate_series(1, 12000) n")
    task.source("update public.big set body = 'y' where id % 2 = 0")
    task.arrives("select count(*) filter (where body = 'y') from public.big", 6000)
    assert task.target("select count(*) from public.big") == [(12000,)]


def test_truncate_is_followed_or_ignored_as_set(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    handling = {"HandleSourceTableTruncated": False}
    task = workshop.task(ChangeProcessingDdlHandlingPolicy=handling)
    task.source("insert into public.t values (1)")
    task.start()
    task.loaded()
    task.source("truncate public.t; insert into public.t values (2)")
    task.arrives("select count(*) from public.t", 2)
    task.stop()
    task.modify(ChangeProcessingDdlHandlingPolicy={"HandleSourceTableTruncated": True})
    task.start("resume-processing")
    task.source("truncate public.t; insert into public.t values (3)")
    task.arrives("select string_agg(id::text, ',') from public.t", "3")


def test_generated_and_identity_columns_of_the_target_are_respected(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.g (id int generated always as identity primary key, n int,"
        " twice int generated always as (n * 2) stored)",
    )
    task = workshop.task()
    task.source("insert into public.g (n) values (4)")
    task.start()
    task.loaded()
    task.source("insert into public.g (n) values (5)")
    task.source("update public.g set n = 6 where id = 1")
    task.arrives(
        "select string_agg(id || ':' || twice, ',' order by id) from public.g", "1:12,2:10"
    )


def test_triggers_and_foreign_keys_of_the_target_stay_quiet(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.z_parent (id int primary key);"
        "create table public.a_child (id int primary key, p int references public.z_parent)",
    )
    workshop.databases_run(
        target="create function public.boom() returns trigger language plpgsql as"
        " $$ begin raise 'fired'; end $$;"
        "create trigger t before insert or update on public.z_parent"
        " for each row execute function public.boom()"
    )
    task = workshop.task(FullLoadSettings={"MaxFullLoadSubTasks": 1})
    task.source("insert into public.z_parent values (1); insert into public.a_child values (1, 1)")
    task.start()
    task.loaded()
    task.source("insert into public.z_parent values (2); insert into public.a_child values (2, 2)")
    task.arrives("select count(*) from public.a_child", 2)
    assert task.target("select count(*) from public.z_parent") == [(2,)]


@pytest.mark.parametrize(
    ("mode", "left"),
    [("DO_NOTHING", 2), ("TRUNCATE_BEFORE_LOAD", 1), ("DROP_AND_CREATE", 1)],
)
def test_target_preparation_modes(workshop: Workshop, mode: str, left: int) -> None:
    workshop.databases_run(
        source="create type public.mood as enum ('ok');"
        "create table public.t (id int primary key, m public.mood, b text not null default 'x',"
        " n int not null default 3); create index on public.t (n);"
        "insert into public.t values (1, 'ok')",
        target="create table public.t (id int, m text, b text, n int, extra int);"
        "insert into public.t values (99)",
    )
    task = workshop.task(kind="full-load", FullLoadSettings={"TargetTablePrepMode": mode})
    task.start()
    assert task.ended("stopped")["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    assert task.target("select count(*) from public.t") == [(left,)]
    if mode == "DROP_AND_CREATE":
        columns = task.target(
            "select attname, format_type(atttypid, atttypmod), attnotnull, atthasdef"
            " from pg_attribute where attrelid = 'public.t'::regclass and attnum > 0"
        )
        assert columns == [
            ("id", "integer", True, False),
            ("m", "character varying", False, False),
            ("b", "text", False, False),  # a LOB column becomes nullable
            ("n", "integer", True, False),
        ]
        assert task.target(
            "select count(*) from pg_index where indrelid = 'public.t'::regclass and indisprimary"
        ) == [(1,)]
