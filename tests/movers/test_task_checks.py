"""Test which DMS states are PASS, FAIL or UNKNOWN."""

from dataclasses import replace

import pytest

from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms import LobColumn, TableStatistics, TaskStatus
from pgcutover.movers.dms.checks import judge_exceptions, judge_table
from pgcutover.movers.dms.partition_statistics import statistics_of
from pgcutover.movers.dms.task_checks import TaskContext, judge_task
from pgcutover.movers.dms.wait_for_validation import (
    WaitPolicy,
    judge_table_when_final,
    wait_until_validated,
)

SOURCE = RelationName("public", "users")
TABLE = MappedTable(SOURCE, RelationName("auth", "users"), (("id", "id"),))
GOOD = TableStatistics(SOURCE, "Table completed", 7, 0, (0, 0, 0), (0, 0, 0), "Validated", 0, 0, 0)
WATCHED = {
    "Logging": {"EnableLogging": True},
    "ValidationSettings": {"EnableValidation": True},
    "TargetMetadata": {"LobMaxSize": 64},
    "ErrorBehavior": {"DataErrorPolicy": "STOP_TASK", "ApplyErrorDeletePolicy": "STOP_TASK"},
    "ChangeProcessingDdlHandlingPolicy": {"HandleSourceTableDropped": False},
}
RUNNING = TaskStatus("t", "arn:x:t", "running", "", "", WATCHED, 100, 1, 0, 0, 0, None, None)
LARGEST = TaskContext([LobColumn(SOURCE, "photo", 64 * 1024)])
NO_LOBS = TaskContext()


def check_task(rows=(7, 7), **changes):
    return judge_table(TABLE, replace(GOOD, **changes), lambda: rows)


def kinds(diff):
    return [finding.kind for finding in diff.findings()]


@pytest.mark.parametrize("state", ["Validated", "No primary key"])
def test_loaded_table_passes_and_its_validation_is_shown(state):
    diff = check_task(validation_state=state)
    assert not diff
    assert diff.facts["dms_validation"] == state


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"state": "Table error"}, "table-error"),
        ({"state": "Table cancelled"}, "table-error"),
        ({"state": "Table does not exist"}, "table-error"),
        ({"state": "Before load"}, "not-loaded"),
        ({"state": "Full load"}, "not-loaded"),
        ({"state": "Table is being reloaded"}, "not-loaded"),
        ({"state": ""}, "not-loaded"),
        ({"full_load_error_rows": 1}, "load-errors"),
        ({"validation_state": "Mismatched records", "validation_failed": 2}, "validation"),
        ({"validation_state": "Table error"}, "validation"),
        ({"validation_state": "Not enabled"}, "validation"),
        ({"validation_state": "Pending records", "validation_failed": 1}, "validation"),
        ({"rows": (8, 7)}, "row-count"),
        ({"rows": (7, 6)}, "row-count"),
    ],
)
def test_each_fault_fails_its_table(changes, kind):
    diff = check_task(**changes)
    assert kinds(diff) == [kind]
    assert diff.report().startswith("auth.users: 1 problem: ")
    assert {f.object for f in diff.findings()} == {"auth.users"}


@pytest.mark.parametrize(
    "changes",
    [
        {"validation_state": "Pending records"},
        {"validation_state": "Pending validation"},
        {"validation_state": "Pending revalidation"},
        {"validation_state": "Preparing table"},
        {"validation_state": "Suspended records"},
        {"validation_state": "Error"},
        {"validation_state": ""},
        {"validation_state": "a state of next year"},
        {"validation_suspended": 3},
        {"captured": (5, 0, 0), "applied": (4, 0, 0)},
    ],
)
def test_each_unclear_state_makes_its_table_unknown(changes):
    with pytest.raises(UnreadableError, match=r"auth\.users"):
        check_task(**changes)


def test_rows_are_counted_only_where_no_change_was_seen():
    def never():
        pytest.fail("counted")

    statistics = replace(GOOD, captured=(0, 1, 0), applied=(0, 1, 0))
    assert not judge_table(TABLE, statistics, never)
    assert not judge_table(TABLE, replace(statistics, applied=None), never)


@pytest.mark.parametrize("reason", ["STOPPED_AFTER_CACHED_EVENTS", "NORMAL"])
def test_task_stopped_on_purpose_passes(reason):
    assert not judge_task(replace(RUNNING, status="stopped", stop_reason=reason), LARGEST)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"status": "failed", "stop_reason": "FATAL_ERROR"}, "task-state"),
        ({"status": "stopped", "stop_reason": "STOPPED_DUE_TO_LOW_DISK"}, "task-state"),
        ({"status": "stopped", "stop_reason": ""}, "task-state"),
        ({"status": "stopped", "stop_reason": "STOPPED_BEFORE_CACHED_EVENTS"}, "task-state"),
        ({"status": "ready"}, "task-state"),
        ({"status": "deleting"}, "task-state"),
        ({"last_failure": "Last Error Table 'public.t' was suspended"}, "task-failure"),
        ({"settings": WATCHED | {"Logging": {}}}, "task-setting"),
        ({"settings": WATCHED | {"ValidationSettings": {}}}, "task-setting"),
        ({"settings": WATCHED | {"TargetMetadata": {"LobMaxSize": 63}}}, "lob-limit"),
        ({"settings": WATCHED | {"TargetMetadata": {}}}, "lob-limit"),
        ({"settings": WATCHED | {"TargetMetadata": {"SupportLobs": False}}}, "lob-limit"),
    ],
)
def test_each_fault_fails_the_task(changes, kind):
    assert kinds(judge_task(replace(RUNNING, **changes), LARGEST)) == [kind]


def test_full_lob_mode_and_no_lobs_at_all_have_no_limit():
    full = WATCHED | {"TargetMetadata": {"FullLobMode": True, "LobMaxSize": 1}}
    assert not judge_task(replace(RUNNING, settings=full), LARGEST)
    assert not judge_task(replace(RUNNING, settings=WATCHED | {"TargetMetadata": {}}), NO_LOBS)


PARTS = tuple(RelationName("public", f"users_{n}") for n in "ab")
BY_PARTS = replace(TABLE, partitions=PARTS)


def of_parts(**changes):
    first, second = (replace(GOOD, table=name) for name in PARTS)
    return statistics_of(BY_PARTS, [first, GOOD, replace(second, **changes)])


def test_partitions_are_checked_as_their_table():
    assert of_parts().full_load_rows == 14
    assert not judge_table(BY_PARTS, of_parts(), lambda: (14, 14))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"state": "Table error"}, "table-error"),
        ({"state": "Full load"}, "not-loaded"),
        ({"full_load_error_rows": 2}, "load-errors"),
        ({"validation_state": "Mismatched records"}, "validation"),
        ({"full_load_rows": 6}, "row-count"),
    ],
)
def test_one_bad_partition_fails_its_table(changes, kind):
    found = judge_table(BY_PARTS, of_parts(**changes), lambda: (14, 14))
    assert kind in kinds(found)


def test_a_partition_that_dms_does_not_move_fails_its_table():
    assert statistics_of(BY_PARTS, [replace(GOOD, table=PARTS[0])]) is None


PENDING = replace(GOOD, validation_state="Pending records", validation_pending=9)
OTHER = replace(PENDING, table=RelationName("public", "other"))


def settled(*answers):
    """Check TABLE while DMS returns one status after the other, a second each."""
    queue, now = list(answers), [0.0]

    def read():
        now[0] += 1.0
        return queue.pop(0) if len(queue) > 1 else queue[0]

    patience = WaitPolicy(6.0, clock=lambda: now[0])
    return judge_table_when_final(TABLE, read, lambda: (7, 7), patience, 0), now[0]


def test_a_wait_continues_while_any_table_makes_progress():
    backlog = [(PENDING, replace(OTHER, validation_pending=n)) for n in (9, 9, 9, 9, 5, 5, 5, 5, 2)]
    diff, seconds = settled(*backlog, (GOOD, OTHER))
    assert not diff
    assert seconds == 10.0


def test_a_stalled_validation_is_unknown():
    with pytest.raises(UnreadableError, match="Pending records"):
        settled((PENDING, OTHER))


def test_a_wait_for_a_long_validation_ends():
    endless = [(replace(PENDING, validation_pending=n),) for n in range(10_000, 0, -1)]
    with pytest.raises(UnreadableError, match="Pending records"):
        settled(*endless)


def validated(*answers):
    """Wait for the validation while DMS returns one status after the other, a second each."""
    queue, now = list(answers), [0.0]

    def read():
        now[0] += 1.0
        return queue.pop(0) if len(queue) > 1 else queue[0]

    return wait_until_validated(read, WaitPolicy(6.0, clock=lambda: now[0]), 0), now[0]


def test_all_tables_are_waited_for_until_validated_or_stalled():
    assert validated((GOOD, PENDING), (GOOD, GOOD)) == (True, 2.0)
    assert validated((GOOD, PENDING))[0] is False


def test_unapplied_changes_explain_a_different_count():
    short = replace(GOOD, full_load_rows=6)
    diff, _ = settled((short,), (replace(short, captured=(1, 0, 0), applied=(1, 0, 0)),))
    assert not diff
    diff, seconds = settled((short,))
    assert kinds(diff) == ["row-count", "row-count"]
    assert seconds == 2.0


@pytest.mark.parametrize("status", ["starting", "stopping", "modifying", "testing", "moving"])
def test_a_starting_task_is_unknown(status):
    with pytest.raises(UnreadableError, match=status):
        judge_task(replace(RUNNING, status=status), LARGEST)


def test_control_rows_are_reported_under_the_target_name():
    counts = {("awsdms_apply_exceptions", "public.users"): 2}
    assert [f.object for f in judge_exceptions(counts, [TABLE]).findings()] == ["auth.users"]
    taken = MappedTable(RelationName("old", "users"), SOURCE, (("id", "id"),))
    assert [f.object for f in judge_exceptions(counts, [TABLE, taken]).findings()] == [
        "public.users"
    ]
    assert not judge_exceptions({}, [TABLE])
