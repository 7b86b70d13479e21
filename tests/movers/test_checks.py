"""Test the mover's checks: they pass on a healthy migration, and fail on each fault."""

import importlib

import pytest

from pgcutover.connect import open_session
from pgcutover.errors import MoverError, UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms import ControlTables

CHECKS = {
    "DMS-TASK": "test_task_is_healthy",
    "DMS-TABLES": "test_tables_are_loaded_and_validated",
    "DMS-EXCEPTIONS": "test_no_change_was_refused",
}

ROGUE_TRIGGER = """
create function public.damage() returns trigger language plpgsql as
    $$ begin new.name := 'rogue'; return new; end $$;
create trigger damage before insert on auth.users for each row when (new.id = 3)
    execute function public.damage();
alter table auth.users enable always trigger damage;
"""


class Tables:
    """The part of the manifest that a check reads."""

    def __init__(self, *tables):
        self.tables = tables


def run(check_id, stage, table=None, wait_seconds=60.0):
    """Run a check as the gate does: with new sessions and a read-only mover."""
    module = importlib.import_module(f"pgcutover.checks.replication.{CHECKS[check_id]}")
    (check,) = (f for name, f in vars(module).items() if name.startswith("test_"))
    names = check.__code__.co_varnames[: check.__code__.co_argcount]
    with open_session(stage.source_dsn) as source, open_session(stage.target_dsn) as target:
        given = {
            "dms_task": stage.settings.task,
            "dms_table": table,
            "mover": stage.mover(may_create=False, wait_seconds=wait_seconds),
            "dms_control_tables": ControlTables(),
            "manifest": Tables(stage.users, stage.visits, stage.log),
            "source": source,
            "target": target,
        }
        check(**{name: given[name] for name in names})


def failure(check_id, stage, table=None, wait_seconds=60.0):
    with pytest.raises(AssertionError) as caught:
        run(check_id, stage, table, wait_seconds)
    return str(caught.value).split("\nassert ")[0]


def start_and_wait(mover, stage):
    mover.start()
    mover.wait_until_loaded(stage.deadline_seconds)


@pytest.fixture(scope="module")
def healthy(another_stage):
    """A task after load, changes on the source and drain, without faults."""
    with another_stage() as stage:
        mover = stage.loaded()
        mover.resume()
        stage.source("update public.users set name = 'new' where id % 50 = 0")
        stage.source("delete from public.visits where id > 490")
        mover.drain(stage.marker, stage.deadline_seconds)
        yield stage


@pytest.fixture(scope="module")
def damaged(another_stage):
    """Table visits in error, users mismatched and with a rejected change, log one row short."""
    with another_stage() as stage:
        stage.target("alter table public.visits add check (id < 400)")
        stage.target(ROGUE_TRIGGER)
        mover = stage.loaded()
        mover.resume()
        stage.target("delete from public.log where line = 'line 4'")
        stage.target("delete from auth.users where id = 5")
        stage.source("update public.users set name = 'lost' where id = 5")
        mover.drain(stage.marker, stage.deadline_seconds)
        yield stage


@pytest.mark.parametrize("check_id", ["DMS-TASK", "DMS-EXCEPTIONS"])
def test_a_healthy_task_passes(healthy, check_id):
    run(check_id, healthy)


@pytest.mark.parametrize("table", ["users", "visits", "log"])
def test_a_healthy_table_passes(healthy, table):
    run("DMS-TABLES", healthy, getattr(healthy, table))


def test_a_table_outside_the_task_fails(healthy):
    ghost = RelationName("public", "ghost")
    table = MappedTable(ghost, ghost, (("id", "id"),))
    assert "does not move public.ghost" in failure("DMS-TABLES", healthy, table)


def test_an_unreadable_control_table_is_unknown(healthy):
    healthy.target("create role nobody_at_all")
    with open_session(healthy.target_dsn) as target:
        target.execute("set role nobody_at_all")
        with pytest.raises(UnreadableError, match="grant select"):
            ControlTables().judge(target, [])
    healthy.target("drop role nobody_at_all")


def test_a_table_in_error_fails(damaged):
    message = failure("DMS-TABLES", damaged, damaged.visits)
    assert "'Table error'" in message


def test_rows_that_dms_validation_found_different_fail(damaged):
    message = failure("DMS-TABLES", damaged, damaged.users)
    assert "the validation of DMS found differing rows" in message


def test_a_deleted_row_of_a_table_without_changes_fails(damaged):
    message = failure("DMS-TABLES", damaged, damaged.log, wait_seconds=3.0)
    assert "loaded 20 rows and captured no change since, but the target has 19" in message


def test_a_rejected_change_and_a_suspended_table_fail_without_values(damaged):
    message = failure("DMS-EXCEPTIONS", damaged)
    assert "about auth.users in awsdms_apply_exceptions" in message
    assert "lost" not in message
    assert "about public.visits in awsdms_suspended_tables" in message


def test_a_value_above_the_lob_limit_fails(stage):
    stage.loaded()
    run("DMS-TASK", stage)  # stopped on purpose after the load
    stage.source("update public.users set photo = convert_to(repeat('x', 131073), 'UTF8')")
    message = failure("DMS-TASK", stage)
    assert "public.users.photo has a value of 131,073 bytes" in message
    assert "128 KB" in message


def test_a_failed_task_fails(stage):
    mover = stage.mover(task_settings={"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}})
    mover.provision()
    stage.store_secret("source", password="wr0ng-Passw0rd-7319")
    with pytest.raises(MoverError, match="has failed"):
        start_and_wait(mover, stage)
    message = failure("DMS-TASK", stage)
    for part in (
        "is failed",
        "last failure",
        "EnableLogging is false",
        "EnableValidation is false",
    ):
        assert part in message
    assert "wr0ng" not in message
    with pytest.raises(MoverError, match="has failed"):
        mover.start()
