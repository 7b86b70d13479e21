"""Test stops around the load, in which indexes and foreign keys can be created."""

import pytest
from awslocal.rig import Workshop, both, include, wait_until
from botocore.exceptions import ClientError


def test_stop_after_cached_changes_then_resume(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(FullLoadSettings={"StopTaskCachedChangesApplied": True})
    task.source("insert into public.t select generate_series(1, 20000)")
    task.start()
    task.source("insert into public.t values (20001)")
    ended = task.ended("stopped")
    assert ended["StopReason"] == "Stop Reason STOPPED_AFTER_CACHED_EVENTS"
    assert ended["ReplicationTaskStats"]["FullLoadProgressPercent"] == 100
    assert task.target("select count(*) from public.t") == [(20001,)]
    task.source("insert into public.t values (20002)")
    task.target("create index on public.t ((id % 7))")
    task.start("resume-processing")
    task.arrives("select max(id) from public.t", 20002)
    running = task.describe()
    assert running["Status"] == "running"
    assert "StopReason" not in running
    assert task.stop()["RecoveryCheckpoint"].startswith("checkpoint:V1#")


def test_stop_before_cached_changes_then_resume(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(FullLoadSettings={"StopTaskCachedChangesNotApplied": True})
    task.source("insert into public.t values (1)")
    task.start()
    assert task.ended("stopped")["StopReason"] == "Stop Reason STOPPED_AFTER_FULL_LOAD"
    task.source("insert into public.t values (2)")
    task.start("resume-processing")
    task.arrives("select count(*) from public.t", 2)


def test_full_load_only_finishes_by_itself(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(kind="full-load")
    task.source("insert into public.t values (1)")
    task.start()
    ended = task.ended("stopped")
    assert ended["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    statistics = ended["ReplicationTaskStats"]
    assert (statistics["TablesLoaded"], statistics["TablesQueued"]) == (1, 0)
    assert task.source(
        "select count(*) from pg_replication_slots where database = current_database()"
    ) == [(0,)]


def test_changes_only_start_from_now(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(kind="cdc")
    task.source("insert into public.t values (1)")
    task.start()
    slots = "select 1 from pg_replication_slots where confirmed_flush_lsn is not null"
    wait_until(lambda: task.source(slots + " and database = current_database()"), "the slot")
    task.source("insert into public.t values (2)")
    task.arrives("select string_agg(id::text, ',') from public.t", "2")


def test_reload_target_starts_over(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(FullLoadSettings={"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"})
    task.source("insert into public.t values (1)")
    task.start()
    task.loaded()
    task.stop()
    task.target("update public.t set id = 99")
    task.source("insert into public.t values (2)")
    task.start("reload-target")
    task.arrives("select string_agg(id::text, ',' order by id) from public.t", "1,2")
    task.source("insert into public.t values (3)")
    task.arrives("select count(*) from public.t", 3)


@pytest.mark.parametrize("mode", ["resume-processing", "reload-target"])
def test_a_first_start_is_no_resume(workshop: Workshop, mode: str) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    with pytest.raises(ClientError, match="valid only for tasks that have run before"):
        task.start(mode)
    task.start()
    task.loaded()
    with pytest.raises(ClientError, match="invalid state: running"):
        task.start("resume-processing")
    task.stop()
    with pytest.raises(ClientError, match="valid only for tasks running for the first time"):
        task.start()


def test_stopping_during_the_load_leaves_no_half_table_and_resume_loads_the_rest(
    workshop: Workshop,
) -> None:
    both(
        workshop.databases,
        "create table public.a (id int primary key);create table public.b (id int primary key)",
    )
    task = workshop.task(FullLoadSettings={"MaxFullLoadSubTasks": 1})
    task.source("insert into public.a values (1); insert into public.b values (1)")
    with workshop.locked("target", "public.b"):
        task.start()
        task.arrives("select count(*) from public.a", 1)
        task.stop()
    assert task.statistics("b")["TableState"] == "Table cancelled"
    task.source("insert into public.a values (2); insert into public.b values (2)")
    task.start("resume-processing")
    task.arrives("select (select count(*) from public.a) + (select count(*) from public.b)", 4)
    task.source("update public.b set id = id; delete from public.b where id = 1")
    task.arrives("select string_agg(id::text, ',') from public.b", "2")


def test_a_table_added_to_the_mapping_is_loaded_on_resume(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.a (id int primary key);create table public.b (id int primary key)",
    )
    task = workshop.task(include(1, table="a"))
    task.source("insert into public.a values (1); insert into public.b values (1)")
    task.start()
    task.loaded()
    task.stop()
    task.map(include(1, table="a"), include(2, table="b"))
    task.start("resume-processing")
    task.arrives("select count(*) from public.b", 1)
    task.source("insert into public.b values (2)")
    task.arrives("select count(*) from public.b", 2)


def test_a_conflict_is_recorded_while_only_another_table_loads(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.a (id int primary key, n int);"
        "create table public.b (id int primary key)",
    )
    task = workshop.task(include(1, table="a"))
    task.source("insert into public.a values (1)")
    task.start()
    task.loaded()
    task.stop()
    task.map(include(1, table="a"), include(2, table="b"))
    task.source("insert into public.b values (1)")
    task.target("delete from public.a")
    with workshop.locked("target", "public.b"):
        task.start("resume-processing")
        waits = (
            "select 1 from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        wait_until(lambda: task.target(waits), "the load waiting")
        task.source("update public.a set n = 2")
    task.arrives("select count(*) from public.b", 1)
    task.arrives('select max("TABLE_NAME") from public.awsdms_apply_exceptions', "a")


def test_no_table_is_a_failure(workshop: Workshop) -> None:
    task = workshop.task()
    task.start()
    assert "No tables were found" in task.ended("failed")["LastFailureMessage"]
