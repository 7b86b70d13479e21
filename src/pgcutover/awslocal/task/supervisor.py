"""Background work: connection tests, and one thread for each running task."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from pgcutover.awslocal.http.aws_errors import DmsFault
from pgcutover.awslocal.http.moto_clients import AwsClients
from pgcutover.awslocal.http.request_context import delay_seconds
from pgcutover.awslocal.http.store import Record, Store
from pgcutover.awslocal.task import slots
from pgcutover.awslocal.task.endpoint_connection import EndpointError, endpoint_address
from pgcutover.awslocal.task.errors import loggable_text
from pgcutover.awslocal.task.runner import TaskRunner
from pgcutover.awslocal.task.task_run import Job, open_job

_SHUT_DOWN_SECONDS = 6.0
_UNUSABLE = (EndpointError, psycopg.Error, DmsFault, OSError)


class Supervisor:
    """Starts and stops the background work of the service."""

    def __init__(self, store: Store, cloud: AwsClients, state_dir: Path) -> None:
        """Mark the unfinished work of an earlier process as interrupted."""
        self._store = store
        self._cloud = cloud
        self._state_dir = state_dir
        self._runners: dict[str, TaskRunner] = {}
        self._mark_interrupted()

    def _mark_interrupted(self) -> None:
        for task in self._store.all("task"):
            if task.wire["Status"] in ("starting", "running", "stopping", "deleting"):
                task.wire["Status"] = "stopped"
                task.wire["StopReason"] = "Stop Reason RECOVERABLE_ERROR"
                task.wire["LastFailureMessage"] = "Last Error The replication instance restarted."
        for connection in self._store.all("connection"):
            if connection.wire["Status"] == "testing":
                connection.wire["Status"] = "failed"

    def test(self, connection: Record, endpoint: Record) -> None:
        """Test an endpoint's connection in the background and record the result."""
        _in_background(self._test, connection, endpoint)

    def _test(self, connection: Record, endpoint: Record) -> None:
        time.sleep(delay_seconds())
        failure = self._connect(endpoint)
        with self._store.lock:
            connection.wire["Status"] = "failed" if failure else "successful"
            if failure:
                connection.wire["LastFailureMessage"] = failure
            self._store.save()

    def _connect(self, endpoint: Record) -> str:
        try:
            place = endpoint_address(endpoint, self._store, self._cloud, self._state_dir)
            place.connect().close()
        except _UNUSABLE as error:
            return (
                "Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed "
                f"to connect, Application-Detailed-Message: {error}"
            )
        return ""

    def start(self, task: Record, mode: str) -> None:
        """Start a task in the background."""
        runner = TaskRunner(task, mode, self._store, self._cloud, self._state_dir)
        self._runners[task.arn] = runner
        runner.start()

    def stop(self, task: Record) -> None:
        """Request a running task to stop, in the background."""
        self._runners[task.arn].stop()

    def reload(self, task: Record, tables: list[tuple[str, str]]) -> None:
        """Request a running task to reload tables."""
        self._runners[task.arn].reload(tables)

    def delete(self, task: Record) -> None:
        """Drop the task's objects on the source and the task itself, in the background."""
        _in_background(self._delete, task)

    def _delete(self, task: Record) -> None:
        time.sleep(delay_seconds())
        failure = self._clean(task)
        with self._store.lock:
            if failure and self._must_be_clean(task):
                task.wire["Status"] = "failed"
                task.wire["LastFailureMessage"] = f"Last Error {failure}"
                self._store.save()
            else:
                self._store.remove(task)

    def _clean(self, task: Record) -> str:
        """Return the reason why cleaning up failed; empty on success."""
        if "ReplicationTaskStartDate" not in task.wire:
            return ""
        try:
            job = open_job(task, self._store, self._cloud, self._state_dir)
        except _UNUSABLE as error:
            return loggable_text(error)
        try:
            _forget_on_both_sides(job)
        except _UNUSABLE as error:
            print(f"slot {job.names.slot} stays on the source", file=sys.stderr)
            return f"{loggable_text(error)}; slot {job.names.slot} may be left on the source"
        finally:
            job.log.close()
        return ""

    def _must_be_clean(self, task: Record) -> bool:
        return '"FailTaskWhenCleanTaskResourceFailed": true' in task.wire["ReplicationTaskSettings"]

    def shut_down(self) -> None:
        """Stop the running tasks and save their positions."""
        deadline = time.monotonic() + _SHUT_DOWN_SECONDS
        alive = [runner for runner in self._runners.values() if runner.is_alive()]
        for runner in alive:
            runner.stop_now()
        for runner in alive:
            runner.join(max(0.1, deadline - time.monotonic()))
        with self._store.lock:
            self._store.save()


def _forget_on_both_sides(job: Job) -> None:
    if job.options.follows_changes:
        with job.source_session() as source:
            slots.drop(source, job.names)
    with job.target_session() as target:
        job.control.forget(target)


def _in_background(work: Callable[..., None], *arguments: Record) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()
