"""Judges the task: its state, its settings, the LOB limits, and transactions that a load misses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgcutover.errors import UnreadableError
from pgcutover.movers.dms.checks import MoverDiff
from pgcutover.movers.dms.open_transactions import OpenTransaction, judge_open_transactions
from pgcutover.movers.dms.settings.lob_size import LobColumn
from pgcutover.movers.dms.settings.risk import SettingProblem
from pgcutover.movers.dms.settings.setting_risks import find_risks, find_unknown
from pgcutover.movers.dms.settings.table_lob_modes import truncated_columns
from pgcutover.movers.dms.settings.task_settings import lob_mode
from pgcutover.movers.dms.settings.workload import Workload
from pgcutover.movers.dms.task_status import LOADED_REASONS, TaskStatus
from pgcutover.verdict import Finding

_STOPPED_ON_PURPOSE = LOADED_REASONS | {"NORMAL"}
_IN_TRANSITION = {"creating", "modifying", "testing", "moving", "starting", "stopping"}
_CONSISTENCY_SECONDS = 600  # DMS's default


@dataclass(frozen=True, slots=True)
class TaskContext:
    """Everything beside the task itself that decides if its settings are safe."""

    lobs: Sequence[LobColumn] = ()
    workload: Workload = field(default_factory=Workload)
    endpoints: Mapping[str, object] = field(default_factory=dict)
    transactions: Sequence[OpenTransaction] = ()
    table_settings: Sequence[SettingProblem] = ()


def judge_task(task: TaskStatus, context: TaskContext) -> MoverDiff:
    """Check that the task runs, or was stopped on purpose, and that no setting loses rows."""
    if task.status in _IN_TRANSITION:
        raise UnreadableError(f"task {task.task!r} is {task.status}; run the check again later")
    values: dict[str, object] = {
        **flatten(task.settings),
        **context.endpoints,
        "MigrationType": context.workload.migration_type,
    }
    settings = (*_settings(task, values, context), *context.table_settings)
    problems = (
        *_state(task),
        *(Finding(s.object, "task-setting", s.message) for s in settings if not s.is_warning),
        *_lobs(task, context.lobs),
        *_transactions(task, values, context),
    )
    largest = max((c.largest_bytes for c in context.lobs), default=None)
    facts: dict[str, object] = {
        "status": task.status,
        "stop_reason": task.stop_reason,
        "lob_limit_kb": lob_mode(task.settings).limit_kb,
        "largest_lob_bytes": largest,
    }
    if warnings := [problem.message for problem in settings if problem.is_warning]:
        facts["warnings"] = warnings
    return MoverDiff(f"task {task.task}", problems, facts)


def flatten(settings: Mapping[str, Any]) -> dict[str, object]:
    """Return task settings as `section.key`, and sections without keys by their name."""
    found: dict[str, object] = {}
    for section, keys in settings.items():
        if isinstance(keys, Mapping):
            found |= {f"{section}.{key}": value for key, value in keys.items()}
        found[section] = keys or None
    return found


def _settings(
    task: TaskStatus, values: Mapping[str, object], context: TaskContext
) -> Iterator[SettingProblem]:
    for risk, found in find_risks(values, context.workload):
        message = risk.message(found, context.workload)
        yield SettingProblem(task.task, message, risk.is_warning)
    if unknown := find_unknown(values):
        message = (
            f"this version does not know {', '.join(unknown)}; read in the DMS user guide if it "
            "can lose or hide rows"
        )
        yield SettingProblem(task.task, message, is_warning=True)


def _state(task: TaskStatus) -> Iterator[Finding]:
    stopped = task.status == "stopped" and task.stop_reason in _STOPPED_ON_PURPOSE
    if task.status != "running" and not stopped:
        reason = f" ({task.stop_reason})" if task.stop_reason else ""
        message = f"is {task.status}{reason}; expected running, or stopped on purpose"
        yield Finding(task.task, "task-state", message, {"stop_reason": task.stop_reason})
    if task.last_failure:
        yield Finding(task.task, "task-failure", f"its last failure was: {task.last_failure}")


def _lobs(task: TaskStatus, columns: Sequence[LobColumn]) -> Iterator[Finding]:
    for largest, mode in truncated_columns(columns, task.settings, task.mappings)[:1]:
        limit = f"a LOB limit of {mode.limit_kb} KB" if mode.supported else "LOBs switched off"
        column = f"{largest.table}.{largest.column}"
        yield Finding(
            column,
            "lob-limit",
            f"{column} has a value of {largest.largest_bytes:,} bytes, but the task has {limit} "
            "and truncates it; raise the limit and load the table again",
            {"largest_bytes": largest.largest_bytes, "limit_kb": mode.limit_kb},
        )


def _transactions(
    task: TaskStatus, values: Mapping[str, object], context: TaskContext
) -> Iterator[Finding]:
    if context.workload.migration_type == "full-load":
        return
    timeout = values.get("FullLoadSettings.TransactionConsistencyTimeout")
    seconds = timeout if isinstance(timeout, int) else _CONSISTENCY_SECONDS
    yield from judge_open_transactions(
        task.task, context.transactions, task.load_started_at, seconds
    )
