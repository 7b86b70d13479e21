"""Test that a killed or disconnected task loses no row and applies none twice."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from awslocal.rig import Task, Workshop, both, make_instance, wait_until
from support.servers import Databases

from pgcutover.awslocal.http.process import AwsEndpoint, aws_endpoint

TABLES = (
    "create table public.keyed (id int primary key, n int not null);"
    "create table public.keyless (n int)"
)
SUM = "select count(*), sum(n), sum(n::bigint * n) from public."


@contextmanager
def endpoint(folder: Path) -> Iterator[AwsEndpoint]:
    with aws_endpoint(folder, progress=lambda _: None) as running:
        yield running


@contextmanager
def writing(databases: Databases) -> Iterator[None]:
    """Write to the source in a thread during the block."""
    enough = threading.Event()

    def write() -> None:
        with psycopg.connect(databases.source, autocommit=True) as conn:
            n = 1000
            while not enough.wait(0.005):
                n += 1
                with conn.transaction():
                    conn.execute("insert into public.keyed values (%s, %s)", (n, n))
                    conn.execute("update public.keyed set n = n + 1 where id = %s", (n - 3,))
                    conn.execute("insert into public.keyless values (%s)", (n,))
                    conn.execute("delete from public.keyed where id = %s", (n - 50,))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def kill(endpoint: AwsEndpoint) -> None:
    os.kill(endpoint.pid, signal.SIGKILL)


def resumed(task: Task, running: AwsEndpoint, workshop: Workshop) -> Task:
    """Return the task after a restart; moto loses the secrets, so they are stored again."""
    mark_reloaded = Workshop(running.url, workshop.instance, workshop.databases, workshop.secrets)
    mark_reloaded.put_back_secrets()
    task = Task(mark_reloaded.dms, task.arn, task.databases)
    assert task.describe()["StopReason"] == "Stop Reason RECOVERABLE_ERROR"
    task.start("resume-processing")
    return task


def test_killed_again_and_again_without_loss_or_repetition(
    quick: None, tmp_path: Path, databases: Databases
) -> None:
    both(databases, TABLES)
    with writing(databases):
        with endpoint(tmp_path) as running:
            workshop = Workshop(running.url, "", databases)
            workshop.instance = make_instance(workshop.dms)
            task = workshop.task()
            with workshop.locked("target", "public.keyless"):
                task.start()
                wait_until(lambda: task.target("select 1 from public.keyed limit 1"), "a load")
                kill(running)
        for _ in range(2):
            with endpoint(tmp_path) as running:
                task = resumed(task, running, workshop)
                before = databases_max(databases)
                wait_until(lambda b=before: databases_max(databases) > b, "progress")
                kill(running)
    with endpoint(tmp_path) as running:
        task = resumed(task, running, workshop)
        for table in ("keyed", "keyless"):
            expected = task.source(SUM + table)
            assert expected[0][0] > 40
            wait_until(lambda t=table, e=expected: task.target(SUM + t) == e, f"{table} equal")
        assert task.target("select count(*) from public.awsdms_apply_exceptions") == [(0,)]
        task.stop()
        task.dms.delete_replication_task(ReplicationTaskArn=task.arn)
        slots = "select count(*) from pg_replication_slots where database = current_database()"
        wait_until(lambda: task.source(slots) == [(0,)], "the slot's end")


def databases_max(databases: Databases) -> int:
    with psycopg.connect(databases.target) as conn:
        row = conn.execute("select coalesce(max(n), 0) from public.keyless").fetchone()
    return int(row[0]) if row else 0


def test_a_lost_connection_is_restored(workshop: Workshop) -> None:
    both(workshop.databases, TABLES)
    task = workshop.task(ErrorBehavior={"RecoverableErrorInterval": 0})
    task.start()
    task.loaded()
    with writing(workshop.databases):
        for side in ("source", "target"):
            before = databases_max(workshop.databases)
            wait_until(lambda b=before: databases_max(workshop.databases) > b, "progress")
            getattr(task, side)(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'awsdms' and datname = current_database()"
            )
    for table in ("keyed", "keyless"):
        expected = task.source(SUM + table)
        wait_until(lambda t=table, e=expected: task.target(SUM + t) == e, f"{table} equal")
    assert task.describe()["Status"] == "running"


def test_a_lost_connection_fails_the_task_where_no_retry_is_wanted(workshop: Workshop) -> None:
    both(workshop.databases, TABLES)
    task = workshop.task(ErrorBehavior={"RecoverableErrorCount": 0})
    task.start()
    task.loaded()
    find = (
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'awsdms'"
        " and datname = current_database() and query ~ 'flush_lsn'"
    )

    def over() -> bool:
        task.source(find)
        return bool(task.describe()["Status"] == "failed")

    wait_until(over, "the end of the task")
    assert "terminating connection" in task.ended("failed")["LastFailureMessage"]


def test_a_dropped_slot_fails_the_task(workshop: Workshop) -> None:
    both(workshop.databases, TABLES)
    task = workshop.task()
    task.start()
    task.loaded()
    task.stop()
    task.source(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
        " where database = current_database()"
    )
    task.start("resume-processing")
    message = task.ended("failed")["LastFailureMessage"]
    assert "does not exist on the source; changes are lost" in message


def test_a_deadlock_with_the_application_is_retried(workshop: Workshop) -> None:
    both(workshop.databases, TABLES)
    task = workshop.task()
    task.source("insert into public.keyed values (1, 1), (2, 2)")
    task.start()
    task.loaded()
    task.target("alter system set deadlock_timeout = '100ms'")
    task.target("select pg_reload_conf()")
    with psycopg.connect(workshop.databases.target) as conn:
        conn.execute("set deadlock_timeout = '10s'")
        conn.execute("update public.keyed set n = 0 where id = 2")
        task.source(
            "begin; update public.keyed set n = 7 where id = 1;"
            " update public.keyed set n = 8 where id = 2; commit"
        )
        waits = (
            "select 1 from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        wait_until(lambda: task.target(waits), "the mover waiting")
        conn.execute("update public.keyed set n = 0 where id = 1")
    task.arrives("select string_agg(n::text, ',' order by id) from public.keyed", "7,8")
    task.target("alter system reset deadlock_timeout")
    task.target("select pg_reload_conf()")
    assert task.target("select count(*) from public.awsdms_apply_exceptions") == [(0,)]
