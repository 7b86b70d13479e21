"""Test the error policies: a failed change is recorded, suspends its table or stops the task."""

from typing import Any

from awslocal.rig import Task, Workshop, both, wait_until


def start_with_rogue_row(workshop: Workshop, **behaviour: Any) -> Task:
    """Insert row 2 on the target before DMS does, and start."""
    both(
        workshop.databases,
        "create table public.t (id int primary key, n int); create table public.u (id int)",
    )
    controls = {"SuspendedTablesTableEnabled": True}
    task = workshop.task(ErrorBehavior=behaviour, ControlTablesSettings=controls)
    task.source("insert into public.t values (1, 1)")
    task.start()
    task.loaded()
    task.target("insert into public.t values (2, 20)")
    return task


def change(task: Task) -> None:
    task.source(
        "begin; insert into public.t values (2, 2); insert into public.t values (3, 3);"
        " insert into public.u values (1); commit"
    )


def settled(task: Task) -> list[tuple[Any, ...]]:
    task.arrives("select count(*) from public.u", 1)
    return task.target("select id, n from public.t order by id")


def test_a_conflict_goes_to_the_exceptions_table_and_the_rest_is_applied(
    workshop: Workshop,
) -> None:
    task = start_with_rogue_row(workshop)
    change(task)
    assert settled(task) == [(1, 1), (2, 20), (3, 3)]
    ((name, owner, table, statement, error),) = task.target(
        'select "TASK_NAME", "TABLE_OWNER", "TABLE_NAME", "STATEMENT", "ERROR"'
        " from public.awsdms_apply_exceptions"
    )
    assert name == task.arn.rsplit(":", 1)[1]
    assert (owner, table) == ("public", "t")
    assert statement.startswith('insert into "public"."t"')
    assert "duplicate key" in error
    assert task.describe()["Status"] == "running"
    assert task.statistics("t")["Inserts"] == 2
    assert task.statistics("t")["AppliedInserts"] == 1


def test_ignore_record_records_nothing(workshop: Workshop) -> None:
    task = start_with_rogue_row(workshop, ApplyErrorInsertPolicy="IGNORE_RECORD")
    change(task)
    assert settled(task) == [(1, 1), (2, 20), (3, 3)]
    assert task.target("select count(*) from public.awsdms_apply_exceptions") == [(0,)]


def test_insert_record_replaces_the_row(workshop: Workshop) -> None:
    task = start_with_rogue_row(workshop, ApplyErrorInsertPolicy="INSERT_RECORD")
    change(task)
    assert settled(task) == [(1, 1), (2, 2), (3, 3)]


def test_update_record_inserts_the_missing_row(workshop: Workshop) -> None:
    task = start_with_rogue_row(workshop, ApplyErrorUpdatePolicy="UPDATE_RECORD")
    task.target("delete from public.t where id = 1")
    task.source("update public.t set n = 5; insert into public.u values (1)")
    assert settled(task) == [(1, 5), (2, 20)]


def test_an_update_and_a_delete_of_a_missing_row(workshop: Workshop) -> None:
    task = start_with_rogue_row(workshop)
    task.target("delete from public.t where id = 1")
    task.source("update public.t set n = 5; delete from public.t; insert into public.u values (1)")
    settled(task)
    found = task.target('select "STATEMENT", "ERROR" from public.awsdms_apply_exceptions')
    assert [(s.split()[0], e) for s, e in found] == [("update", "0 rows affected")]


def test_suspend_table_stops_that_table_only(workshop: Workshop) -> None:
    task = start_with_rogue_row(workshop, ApplyErrorInsertPolicy="SUSPEND_TABLE")
    change(task)
    assert settled(task) == [(1, 1), (2, 20)]
    assert task.statistics("t")["TableState"] == "Table error"
    assert task.target("select table_name from public.awsdms_suspended_tables") == [("t",)]
    task.dms.reload_tables(
        ReplicationTaskArn=task.arn, TablesToReload=[{"SchemaName": "public", "TableName": "t"}]
    )
    task.arrives("select string_agg(id || ':' || n, ',' order by id) from public.t", "1:1,2:2,3:3")
    task.source("insert into public.t values (4, 4)")
    task.arrives("select max(n) from public.t", 4)
    assert task.statistics("t")["FullLoadReloaded"] is True
    assert task.target("select count(*) from public.awsdms_suspended_tables") == [(0,)]


def test_stop_task_fails_the_task_and_says_why_without_values(workshop: Workshop) -> None:
    task = start_with_rogue_row(workshop, ApplyErrorInsertPolicy="STOP_TASK")
    change(task)
    message = task.ended("failed")["LastFailureMessage"]
    assert "public.t: unique violation (SQLSTATE 23505" in message
    assert "20" not in message.replace("23505", "")
    assert task.describe()["StopReason"] == "Stop Reason FATAL_ERROR"


def test_escalation_suspends_after_the_given_number(workshop: Workshop) -> None:
    task = start_with_rogue_row(
        workshop, ApplyErrorEscalationPolicy="SUSPEND_TABLE", ApplyErrorEscalationCount=1
    )
    change(task)
    assert settled(task) == [(1, 1), (2, 20)]
    assert task.statistics("t")["TableState"] == "Table error"


UNLOADABLE = {
    "short": ("create table public.short (id int primary key)", "lacks column"),
    "strict": ("create table public.strict (id int, n int not null)", "not null violation"),
    "seen": ("create view public.seen as select 1 as id, 2 as n", "view"),
}


def test_tables_that_cannot_be_loaded_are_in_error_and_retried_on_resume(
    workshop: Workshop,
) -> None:
    create = "create table public.{0} (id int primary key, n int);"
    both(workshop.databases, create.format("ok"))
    for name, (target, _) in UNLOADABLE.items():
        source = create.format(name) + f"insert into public.{name} values (1)"
        workshop.databases_run(source=source, target=target)
    task = workshop.task(Logging={"EnableLogging": True})
    task.start()
    task.loaded()
    task.source("insert into public.ok values (1)")
    for name in UNLOADABLE:
        assert task.statistics(name)["TableState"] == "Table error"
        task.source(f"insert into public.{name} values (2)")
    task.arrives("select count(*) from public.ok", 1)
    task.stop()
    log = workshop.task_log(task)
    for name, (target, reason) in UNLOADABLE.items():
        (line,) = (line for line in log if f"'public'.'{name}' was errored" in line)
        assert reason in line
        task.target(f"drop {target.split()[1]} public.{name};" + create.format(name))
    task.start("resume-processing")
    for name in UNLOADABLE:
        task.arrives(f"select count(*) from public.{name}", 2)
        task.source(f"insert into public.{name} values (3)")
        task.arrives(f"select count(*) from public.{name}", 3)


def test_a_column_added_on_the_source_suspends_until_the_target_has_it(
    workshop: Workshop,
) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task()
    task.start()
    task.loaded()
    task.target("alter table public.t add n int")
    task.source("alter table public.t add n int; insert into public.t values (1, 1)")
    task.arrives("select n from public.t", 1)
    task.source("alter table public.t add m int; insert into public.t values (2, 2, 2)")

    def errored() -> bool:
        return bool(task.statistics("t")["TableState"] == "Table error")

    wait_until(errored, "the table in error")
