"""Test tables without a primary key: only inserts apply, and arrays suspend the table."""

from awslocal.rig import Workshop, both


def test_a_table_without_key_gets_inserts_only_and_the_log_says_so(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.log (line text, n int)")
    task = workshop.task(Logging={"EnableLogging": True})
    task.source("insert into public.log values ('a', 1), ('a', 1)")
    task.start()
    task.loaded()
    task.source("insert into public.log values ('b', 2)")
    task.source("update public.log set n = 9; delete from public.log where line = 'b'")
    task.source("insert into public.log values ('c', 3)")
    task.arrives("select string_agg(line || n, ',' order by line) from public.log", "a1,a1,b2,c3")
    task.stop()
    assert any("public.log: it has no primary key" in line for line in workshop.task_log(task))


def test_updates_with_replica_identity_full_are_ignored(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.log (line text, n int)")
    task = workshop.task()
    task.source("alter table public.log replica identity full")
    task.source("insert into public.log values ('a', 1)")
    task.start()
    task.loaded()
    task.source("update public.log set n = 2")
    task.source("insert into public.log values ('b', 1)")
    task.arrives("select count(*) from public.log", 2)
    assert task.target("select sum(n) from public.log") == [(2,)]
    statistics = task.statistics("log")
    assert (statistics["Updates"], statistics["AppliedUpdates"]) == (1, 0)


def test_the_application_may_still_update_a_table_without_key(workshop: Workshop) -> None:
    """With its updates published, PostgreSQL would reject updates without a replica identity."""
    both(workshop.databases, "create table public.log (line text)")
    task = workshop.task()
    task.source("insert into public.log values ('a')")
    task.start()
    task.loaded()
    task.source("update public.log set line = 'b'")
    task.source("delete from public.log")
    assert task.source("select count(*) from public.log") == [(0,)]


def test_an_array_without_key_suspends_the_table_and_no_other(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.tags (words text[]); create table public.fine (id int primary key)",
    )
    settings = {"SuspendedTablesTableEnabled": True}
    task = workshop.task(ControlTablesSettings=settings)
    task.source("insert into public.tags values ('{a}'); insert into public.fine values (1)")
    task.start()
    task.loaded()
    assert task.statistics("tags")["TableState"] == "Table error"
    assert task.statistics("fine")["TableState"] == "Table completed"
    assert task.describe()["ReplicationTaskStats"]["TablesErrored"] == 1
    task.source("insert into public.tags values ('{b}'); insert into public.fine values (2)")
    task.arrives("select count(*) from public.fine", 2)
    assert task.target("select count(*) from public.tags") == [(0,)]
    suspended = task.target("select table_owner, table_name from public.awsdms_suspended_tables")
    assert suspended == [("public", "tags")]


def test_an_update_of_the_primary_key_is_ignored_and_leaves_no_exception(
    workshop: Workshop,
) -> None:
    both(workshop.databases, "create table public.t (id int primary key, n int)")
    task = workshop.task(Logging={"EnableLogging": True})
    task.source("insert into public.t values (1, 1)")
    task.start()
    task.loaded()
    task.source("update public.t set id = 2, n = 2")
    task.source("insert into public.t values (3, 3)")
    task.arrives("select string_agg(id || ':' || n, ',' order by id) from public.t", "1:1,3:3")
    assert task.target("select count(*) from public.awsdms_apply_exceptions") == [(0,)]
    task.stop()
    assert any("primary key is ignored" in line for line in workshop.task_log(task))


def test_an_unlogged_table_is_loaded_and_not_followed(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.fine (id int primary key);"
        "create unlogged table public.scratch (id int primary key)",
    )
    task = workshop.task(Logging={"EnableLogging": True})
    task.source("insert into public.scratch values (1)")
    task.start()
    task.loaded()
    task.source("insert into public.scratch values (2); insert into public.fine values (1)")
    task.arrives("select count(*) from public.fine", 1)
    assert task.target("select count(*) from public.scratch") == [(1,)]
    task.stop()
    assert any("public.scratch: it is unlogged" in line for line in workshop.task_log(task))
