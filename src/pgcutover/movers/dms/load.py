"""Full load: start it, wait for its end, and resume the task after its stop."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pgcutover.errors import MoverError
from pgcutover.movers.dms.client import Api
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.task_status import (
    COMPLETED,
    IN_ERROR,
    TableStatistics,
    TaskStatus,
    read_tables,
    read_task,
)

Progress = Callable[[str], None]
_START_SECONDS = 900
_STOP_SECONDS = 900
_SAY_SECONDS = 2.0
_BUSY = {"creating", "modifying", "testing", "moving", "deleting", "starting", "stopping"}


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """Rows and tables of the full load; the checks judge the tables in error."""

    tables: int
    rows: int
    errored: tuple[str, ...]


def start(api: Api, name: str, progress: Progress, poll_seconds: float) -> None:
    """Start the full load, or continue it; do nothing if it is complete."""
    task = _wait_for_stable_status(api, name, poll_seconds)
    if task.loaded or task.status == "running":
        progress(f"task {name} is {task.status}; nothing to start")
        return
    refuse_failed(task)
    first = task.status == "ready"
    progress(f"{'starting' if first else 'continuing'} task {name}")
    kind = "start-replication" if first else "resume-processing"
    _start(api, task, kind, poll_seconds)


def resume(api: Api, name: str, progress: Progress, poll_seconds: float) -> None:
    """Resume the task after its stop, so that it applies changes; do nothing if it runs."""
    task = _wait_for_stable_status(api, name, poll_seconds)
    if task.status == "running":
        return
    refuse_failed(task)
    if not task.loaded:
        raise MoverError(
            f"task {name!r} is {task.status} and has not finished its full load; expected it "
            "stopped after the load, so start it first"
        )
    progress(f"resuming task {name}")
    _start(api, task, "resume-processing", poll_seconds)


def stop(api: Api, name: str, progress: Progress, poll_seconds: float) -> None:
    """Stop the task and wait for its stop; it can be resumed later."""
    task = _wait_for_stable_status(api, name, poll_seconds)
    if task.status != "running":
        return
    progress(f"stopping task {name}")
    api.dms("stop_replication_task", ReplicationTaskArn=task.arn)
    wait_for(
        lambda: True if read_task(api, name).status in ("stopped", "failed") else None,
        what=f"stop of task {name!r}",
        timeout_seconds=_STOP_SECONDS,
        poll_seconds=poll_seconds,
    )


def wait_until_loaded(
    api: Api, name: str, timeout_seconds: float, progress: Progress, poll_seconds: float
) -> LoadSummary:
    """Wait for the load and the changes cached during it, and report progress."""
    meter = LoadMeter(progress)

    def probe() -> LoadSummary | None:
        task = read_task(api, name)
        tables = read_tables(api, task.arn)
        meter.note(task, tables)
        if task.loaded:
            return _summary(tables)
        refuse_failed(task)
        if task.status in ("ready", "stopped"):
            raise MoverError(
                f"task {name!r} is {task.status} ({task.stop_reason or 'never started'}) before "
                "its full load was complete; start it, it continues where it stopped"
            )
        return None

    summary = wait_for(
        probe,
        what=f"full load of task {name!r}",
        timeout_seconds=timeout_seconds,
        poll_seconds=poll_seconds,
        hint="the task goes on loading; run the same command again to go on waiting",
    )
    meter.finish(summary)
    return summary


def refuse_failed(task: TaskStatus) -> None:
    """Raise MoverError, with the message of DMS, if the task has failed."""
    fatal = task.stop_reason in ("FATAL_ERROR", "RECOVERABLE_ERROR") or (
        task.stop_reason.startswith("STOPPED_DUE_TO")
    )
    if task.status == "failed" or (task.status == "stopped" and fatal):
        raise MoverError(
            f"task {task.task!r} has failed ({task.stop_reason or 'no stop reason'}): "
            f"{task.last_failure or 'no message'}; read its CloudWatch log, remove the cause, then "
            "resume it in the DMS console or delete it and provision again"
        )


@dataclass(slots=True)
class LoadMeter:
    """Reports the progress of a load: rows a second, time left, finished tables."""

    say: Progress
    clock: Callable[[], float] = time.monotonic
    _first: tuple[float, int, int] | None = None
    _said: float = float("-inf")
    _last: str = ""

    def note(self, task: TaskStatus, tables: Sequence[TableStatistics]) -> None:
        """Report the state of the load, at most every few seconds."""
        now, rows = self.clock(), sum(t.full_load_rows for t in tables)
        begun, first_rows, first_percent = self._first or (now, rows, task.percent_loaded)
        self._first = begun, first_rows, first_percent
        line = load_line(
            task, tables, now - begun, rows - first_rows, task.percent_loaded - first_percent
        )
        if line != self._last and now - self._said >= _SAY_SECONDS:
            self.say(line)
            self._last, self._said = line, now

    def finish(self, summary: LoadSummary) -> None:
        """Report the loaded rows, and the tables in error."""
        begun, first_rows, _ = self._first or (self.clock(), summary.rows, 0)
        waited = self.clock() - begun
        line = f"load: {summary.rows:,} rows in {summary.tables} tables, waited {waited:.1f} s"
        self.say(line + _speed(summary.rows - first_rows, waited))
        if summary.errored:
            self.say(f"load: in error: {', '.join(summary.errored)}")


def _speed(rows: int, seconds: float) -> str:
    return f", {rows / seconds:,.0f} rows/s" if rows > 0 and seconds > 0 else ""


def load_line(
    task: TaskStatus,
    tables: Sequence[TableStatistics],
    seconds: float,
    new_rows: int,
    new_percent: int,
) -> str:
    """Return one line: finished tables, rows, rows a second, time left."""
    done = sum(t.state == COMPLETED for t in tables)
    rows = sum(t.full_load_rows for t in tables)
    line = f"load: {done} of {len(tables)} tables, {rows:,} rows{_speed(new_rows, seconds)}"
    if task.load_finished_at is not None or task.percent_loaded >= 100:
        return line + ", applying the changes made during the load"
    if seconds > 0 and new_percent > 0:
        left = seconds * (100 - task.percent_loaded) / new_percent
        line += f", {task.percent_loaded} %, about {left:.0f} s left"
    return line


def _summary(tables: Sequence[TableStatistics]) -> LoadSummary:
    return LoadSummary(
        len(tables),
        sum(t.full_load_rows for t in tables),
        tuple(str(t.table) for t in tables if t.state in IN_ERROR),
    )


def _start(api: Api, task: TaskStatus, kind: str, poll_seconds: float) -> None:
    api.dms("start_replication_task", ReplicationTaskArn=task.arn, StartReplicationTaskType=kind)

    def begun() -> bool | None:
        now = read_task(api, task.task)
        refuse_failed(now)
        return True if now.status not in ("starting", "ready") else None

    wait_for(
        begun,
        what=f"start of task {task.task!r}",
        timeout_seconds=_START_SECONDS,
        poll_seconds=poll_seconds,
    )


def _wait_for_stable_status(api: Api, name: str, poll_seconds: float) -> TaskStatus:
    """Return the task once it is neither starting nor stopping nor being modified."""

    def probe() -> TaskStatus | None:
        task = read_task(api, name)
        return None if task.status in _BUSY else task

    return wait_for(
        probe,
        what=f"task {name!r}",
        timeout_seconds=_STOP_SECONDS,
        poll_seconds=poll_seconds,
    )
