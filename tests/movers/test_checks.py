"""Each check of the mover: green on a healthy migration, red for each fault it promises to see."""

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
    """What a check asks of the manifest."""

    def __init__(self, *tables):
        self.tables = tables


def run(check_id, stage, table=None, wait_seconds=60.0):
    """Run a check as the gate does: fresh sessions, a mover that only reads."""
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
    """Loaded, changed on the source, drained: nothing is wrong."""
    with another_stage() as stage:
        mover = stage.loaded()
        mover.resume()
        stage.source("update public.users set name = 'new' where id % 50 = 0")
        stage.source("delete from public.visits where id > 490")
        mover.drain(stage.marker, stage.deadline_seconds)
        yield stage


@pytest.fixture(scope="module")
def damaged(another_stage):
    """visits in error, users mismatched and with a refused change, log one row short."""
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
def test_healthy_task_is_green(healthy, check_id):
    run(check_id, healthy)


@pytest.mark.parametrize("table", ["users", "visits", "log"])
def test_healthy_table_is_green(healthy, table):
    run("DMS-TABLES", healthy, getattr(healthy, table))


def test_table_that_dms_does_not_move_is_red(healthy):
    ghost = RelationName("public", "ghost")
    table = MappedTable(ghost, ghost, (("id", "id"),))
    assert "does not move public.ghost" in failure("DMS-TABLES", healthy, table)


def test_control_table_that_cannot_be_read_is_unknown(healthy):
    healthy.target("create role nobody_at_all")
    with open_session(healthy.target_dsn) as target:
        target.execute("set role nobody_at_all")
        with pytest.raises(UnreadableError, match="grant select"):
            ControlTables().judge(target, [])
    healthy.target("drop role nobody_at_all")


def test_table_in_error_is_red(damaged):
    message = failure("DMS-TABLES", damaged, damaged.visits)
    assert "'Table error'" in message


def test_rows_that_the_validation_of_dms_found_different_are_red(damaged):
    message = failure("DMS-TABLES", damaged, damaged.users)
    assert "the validation of DMS found differing rows" in message


def test_row_deleted_from_a_table_that_dms_saw_no_change_of_is_red(damaged):
    message = failure("DMS-TABLES", damaged, damaged.log, wait_seconds=3.0)
    assert "loaded 20 rows and captured no change since, but the target has 19" in message


def test_refused_change_and_suspended_table_are_red_without_values(damaged):
    message = failure("DMS-EXCEPTIONS", damaged)
    assert "about auth.users in awsdms_apply_exceptions" in message
    assert "lost" not in message
    assert "about public.visits in awsdms_suspended_tables" in message


def test_value_above_the_lob_limit_is_red(stage):
    stage.loaded()
    run("DMS-TASK", stage)  # stopped after the load, on purpose
    stage.source("update public.users set photo = convert_to(repeat('x', 131073), 'UTF8')")
    message = failure("DMS-TASK", stage)
    assert "public.users.photo has a value of 131,073 bytes" in message
    assert "128 KB" in message


def test_failed_unwatched_task_is_red(stage):
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
