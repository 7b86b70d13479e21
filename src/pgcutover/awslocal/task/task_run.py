"""One run of a task: settings, open sessions, and the stop request."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from pgcutover.awslocal.dms_api import table_mappings, task_settings
from pgcutover.awslocal.dms_api.table_mappings import Name, Routes
from pgcutover.awslocal.http.moto_clients import AwsClients
from pgcutover.awslocal.http.store import Record, Store
from pgcutover.awslocal.load.copy_table import disable_triggers
from pgcutover.awslocal.mapping.table_plan import Options, dotted
from pgcutover.awslocal.task.control_tables import ControlTables
from pgcutover.awslocal.task.endpoint_connection import (
    Connection,
    EndpointAddress,
    endpoint_address,
)
from pgcutover.awslocal.task.error_policy import STOP, ErrorPolicy
from pgcutover.awslocal.task.errors import Stopped, TaskFailed
from pgcutover.awslocal.task.latency import Latency
from pgcutover.awslocal.task.slots import SlotNames
from pgcutover.awslocal.task.table_statistics import ERROR, TaskStatistics
from pgcutover.awslocal.task.task_log import LogPlace, TaskLog

_GRACE_SECONDS = 3.0


@dataclass(slots=True)
class Job:
    """The state that the parts of a running task share."""

    task: Record
    store: Store
    settings: task_settings.TaskSettings
    routes: Routes
    options: Options
    source: EndpointAddress
    target: EndpointAddress
    names: SlotNames
    control: ControlTables
    log: TaskLog
    statistics: TaskStatistics
    policy: ErrorPolicy
    latency: Latency
    stopping: threading.Event
    fail_on_cut: bool
    suspended: set[Name] = field(default_factory=set)
    reloads: "queue.SimpleQueue[Name]" = field(default_factory=queue.SimpleQueue)
    _open: set[Connection] = field(default_factory=set)
    _warned: bool = False

    def check(self) -> None:
        """Raise Stopped if the task was requested to stop."""
        if self.stopping.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Sleep until the time is over or the task is requested to stop."""
        self.stopping.wait(seconds)
        self.check()

    @contextmanager
    def source_session(self) -> Iterator[Connection]:
        """Open a session on the source."""
        with self._session(self.source) as connection:
            yield connection

    @contextmanager
    def target_session(self) -> Iterator[Connection]:
        """Open a session on the target with triggers and foreign keys disabled."""
        with self._session(self.target) as connection:
            if not disable_triggers(connection) and not self._warned:
                self._warned = True
                self.log.warning(
                    "TARGET_LOAD",
                    "session_replication_role cannot be set: triggers and foreign keys are active",
                )
            yield connection

    @contextmanager
    def _session(self, place: EndpointAddress) -> Iterator[Connection]:
        connection = place.connect()
        self.opened(connection)
        try:
            yield connection
        finally:
            self._open.discard(connection)
            connection.close()

    def opened(self, connection: Connection) -> None:
        """Register a session, so that a stop request can cancel its query."""
        self._open.add(connection)

    def stop(self) -> None:
        """Request the run to stop; cancel queries that still run after a grace period."""
        self.stopping.set()
        threading.Thread(target=self._cancel, daemon=True).start()

    def _cancel(self) -> None:
        time.sleep(_GRACE_SECONDS)
        for connection in list(self._open):
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=_GRACE_SECONDS)

    def suspend(self, connection: Connection, table: Name, reason: str) -> None:
        """Suspend a table; raise TaskFailed if the policy requires it."""
        self.suspended.add(table)
        self.statistics.set(table, TableState=ERROR)
        if self.statistics.get(table, "ValidationState") != "Not enabled":
            self.statistics.set(table, ValidationState="Table error")
        self.control.record_suspended(connection, table, reason)
        self.statistics.save()
        self.log.failure(
            "TASK_MANAGER",
            f"Table '{table[0]}'.'{table[1]}' was errored/suspended (subtask 0 thread 1). {reason}",
        )

    def suspend_or_stop(self, connection: Connection, table: Name, reason: str) -> None:
        """Apply TableErrorPolicy to a table that cannot continue."""
        if self.policy.table_error() == STOP:
            raise TaskFailed(f"{dotted(table)}: {reason}")
        self.suspend(connection, table, reason)

    def note(self, **members: Any) -> None:
        """Set members of ReplicationTaskStats."""
        with self.store.lock:
            self.task.wire["ReplicationTaskStats"].update(members)


def open_job(task: Record, store: Store, cloud: AwsClients, state_dir: Path) -> Job:
    """Return the job of a task; EndpointError if a secret cannot be read."""
    with store.lock:
        wire = dict(task.wire)
        source = store.get("endpoint", wire["SourceEndpointArn"])
        target = store.get("endpoint", wire["TargetEndpointArn"])
        instance = store.get("rep", wire["ReplicationInstanceArn"])
    chosen = task_settings.TaskSettings(json.loads(wire["ReplicationTaskSettings"]))
    latency = Latency()
    place = LogPlace(
        task.region,
        instance.identifier,
        task.resource_id,
        chosen.of("Logging", "EnableLogging"),
        state_dir / f"dms-task-{task.resource_id}.log",
    )
    return Job(
        task=task,
        store=store,
        settings=chosen,
        routes=table_mappings.parse(wire["TableMappings"]),
        options=Options(
            chosen.lob_limit_kilobytes,
            source.hidden["settings"].get("TrimSpaceInChar", True),
            wire["MigrationType"] != "full-load",
        ),
        source=endpoint_address(source, store, cloud, state_dir),
        target=endpoint_address(target, store, cloud, state_dir),
        names=SlotNames.of_task(task.resource_id, source.hidden["settings"].get("SlotName", "")),
        control=_control_tables(task, instance, chosen),
        log=TaskLog(cloud, place, latency.gauges),
        statistics=TaskStatistics(store, task),
        policy=ErrorPolicy(chosen),
        latency=latency,
        stopping=threading.Event(),
        fail_on_cut=source.hidden["settings"].get("FailTasksOnLobTruncation", False),
    )


def _control_tables(
    task: Record, instance: Record, chosen: task_settings.TaskSettings
) -> ControlTables:
    return ControlTables(
        chosen.of("ControlTablesSettings", "ControlSchema") or "public",
        instance.identifier,
        task.resource_id,
        chosen.of("ControlTablesSettings", "SuspendedTablesTableEnabled"),
        chosen.of("ValidationSettings", "EnableValidation"),
    )
