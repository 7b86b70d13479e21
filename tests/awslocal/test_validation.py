"""DMS's own validation looks at real rows, and has AWS's documented blind spots."""

from typing import Any

from awslocal.rig import Task, Workshop, both, wait_until

ON = {"ValidationSettings": {"EnableValidation": True}}


def reaches(task: Task, table: str, state: str) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        found = task.statistics(table)
        return found if found["ValidationState"] == state else None

    return dict(wait_until(there, f"{table} {state}"))


def test_rows_that_arrived_are_validated_and_again_after_changes(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.t (id int, part text, n numeric, primary key (id, n));"
        "create table public.log (line text); create table public.named (name text primary key)",
    )
    task = workshop.task(**ON)
    task.source("insert into public.t select g, 'x', g * 1.5 from generate_series(1, 500) g")
    task.start()
    task.loaded()
    reaches(task, "t", "Validated")
    assert task.statistics("log")["ValidationState"] == "No primary key"
    unusable = task.statistics("named")
    assert unusable["ValidationState"] == "Error"
    assert unusable["ValidationStateDetails"] == "primary key column name is a LOB"
    task.source("update public.t set part = 'y'; delete from public.t where id > 400")
    task.arrives("select count(*) filter (where part = 'y') from public.t", 400)
    found = reaches(task, "t", "Validated")
    assert (found["ValidationPendingRecords"], found["ValidationFailedRecords"]) == (0, 0)


def test_a_row_changed_behind_dms_is_a_mismatch(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key, v text)")
    task = workshop.task(**ON)
    task.source("insert into public.t select g, 'x' from generate_series(1, 100) g")
    task.start()
    task.loaded()
    reaches(task, "t", "Validated")
    task.target(
        "update public.t set v = 'rogue' where id = 5; delete from public.t where id = 6;"
        "insert into public.t values (500, 'x')"
    )
    task.stop()
    task.start("resume-processing")
    found = reaches(task, "t", "Mismatched records")
    assert found["ValidationFailedRecords"] == 3
    rows = task.target(
        'select "KEY", "FAILURE_TYPE" from public.awsdms_validation_failures_v1 order by 2, 1'
    )
    assert rows == [
        ('{"key": ["500"]}', "MISSING_SOURCE"),
        ('{"key": ["6"]}', "MISSING_TARGET"),
        ('{"key": ["5"]}', "RECORD_DIFF"),
    ]
    task.source("update public.t set v = 'z' where id = 5")
    wait_until(lambda: task.statistics("t")["ValidationFailedRecords"] == 2, "one fewer")


def test_partial_lob_validation_hides_what_was_cut(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key, v text)")
    task = workshop.task(kind="full-load", TargetMetadata={"LobMaxSize": 2}, **ON)
    task.source("insert into public.t values (1, repeat('x', 5000))")
    task.start()
    task.ended("stopped")
    assert task.statistics("t")["ValidationState"] == "Mismatched records"
    task.target("delete from public.t")
    task.modify(ValidationSettings={"ValidationPartialLobSize": 1})
    task.start("reload-target")
    task.ended("stopped")
    assert task.statistics("t")["ValidationState"] == "Validated"


def test_a_table_in_error_is_not_validated(workshop: Workshop) -> None:
    workshop.databases_run(
        source="create table public.t (id int primary key, n int)",
        target="create table public.t (id int primary key)",
    )
    task = workshop.task(**ON)
    task.start()
    task.loaded()
    reaches(task, "t", "Table error")


def test_a_table_is_given_up_at_the_limit(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key, v text)")
    settings = {"EnableValidation": True, "TableFailureMaxCount": 10}
    task = workshop.task(ValidationSettings=settings)
    task.target("insert into public.t select g from generate_series(1, 50) g")
    task.start()
    task.loaded()
    found = reaches(task, "t", "Mismatched records")
    assert found["ValidationFailedRecords"] >= 10
    wait_until(
        lambda: "TableFailureMaxCount" in task.statistics("t").get("ValidationStateDetails", ""),
        "giving up",
    )


def test_not_enabled_is_said(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key)")
    task = workshop.task(kind="full-load")
    task.start()
    task.ended("stopped")
    assert task.statistics("t")["ValidationState"] == "Not enabled"
    assert task.target("select to_regclass('public.awsdms_validation_failures_v1')") == [(None,)]
