"""A task's thread: full load, then change data capture, then the final state and stop reason."""

import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import psycopg

from pgcutover.awslocal.cdc.cdc_loop import CdcLoop
from pgcutover.awslocal.cdc.change_applier import Progress
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.http.aws_errors import DmsFault
from pgcutover.awslocal.http.moto_clients import AwsClients
from pgcutover.awslocal.http.request_context import delay_seconds, task_seconds
from pgcutover.awslocal.http.store import Record, Store
from pgcutover.awslocal.load.copy_table import export_snapshot
from pgcutover.awslocal.load.full_load import FullLoad
from pgcutover.awslocal.mapping.catalog import SourceTable, source_tables, target_columns
from pgcutover.awslocal.mapping.table_plan import dotted, plan_table, select_tables
from pgcutover.awslocal.task import slots
from pgcutover.awslocal.task.endpoint_connection import Connection, EndpointError
from pgcutover.awslocal.task.errors import Stopped, TableFailed, TaskFailed, loggable_text
from pgcutover.awslocal.task.slots import Snapshot
from pgcutover.awslocal.task.table_statistics import COMPLETED
from pgcutover.awslocal.task.task_run import Job, open_job
from pgcutover.awslocal.validation.validator import Validator
from pgcutover.errors import PgCutoverError
from pgcutover.pgoutput.messages import format_lsn, parse_lsn

RESUME, RELOAD = "resume-processing", "reload-target"
_FAILURES = (TaskFailed, EndpointError, PgCutoverError, DmsFault, psycopg.Error, OSError)


class TaskRunner(threading.Thread):
    """Runs a task once."""

    def __init__(
        self, task: Record, mode: str, store: Store, cloud: AwsClients, state_dir: Path
    ) -> None:
        """`mode` is the StartReplicationTaskType."""
        super().__init__(name=f"task-{task.identifier}", daemon=True)
        self.task = task
        self._mode = mode
        self._store = store
        self._cloud = cloud
        self._state_dir = state_dir
        self._asked_to_stop = threading.Event()
        self._job: Job | None = None

    def stop(self) -> None:
        """Request the run to stop between two batches, once the time of a stop has passed."""
        if seconds := task_seconds(0.0):
            timer = threading.Timer(seconds, self.stop_now)
            timer.daemon = True
            timer.start()
        else:
            self.stop_now()

    def stop_now(self) -> None:
        """Request the run to stop between two batches."""
        self._asked_to_stop.set()
        if self._job:
            self._job.stop()

    def reload(self, tables: Sequence[Name]) -> None:
        """Reload these tables between two batches."""
        for table in tables:
            if self._job:
                self._job.reloads.put(table)

    def run(self) -> None:
        """Run the task; every outcome ends in a state that shows it."""
        try:
            reason = self._work()
        except (Stopped, psycopg.errors.QueryCanceled) as error:
            if self._asked_to_stop.is_set():
                self._finish("stopped", "NORMAL", "")
            else:
                self._finish("failed", "FATAL_ERROR", loggable_text(error))
        except _FAILURES as error:
            self._finish("failed", "FATAL_ERROR", loggable_text(error))
        except Exception as error:
            # the frames without the message, which may contain a row
            traceback.print_tb(error.__traceback__, file=sys.stderr)
            self._finish("failed", "FATAL_ERROR", f"internal error: {type(error).__name__}")
        else:
            self._finish("stopped", reason, "")

    def _work(self) -> str:
        if self._asked_to_stop.wait(task_seconds(delay_seconds())):
            raise Stopped
        job = self._job = open_job(self.task, self._store, self._cloud, self._state_dir)
        if self._asked_to_stop.is_set():
            raise Stopped
        return RunSteps(job, self._mode).run()

    def _finish(self, status: str, reason: str, failure: str) -> None:
        job = self._job
        if job and failure:
            job.log.failure("TASK_MANAGER", f"Task '{self.task.identifier}' failed: {failure}")
        elif job:
            job.log.info("TASK_MANAGER", f"Task '{self.task.identifier}' stopped: {reason}")
        if job:
            job.log.close()
        with self._store.lock:
            wire = self.task.wire
            wire["StopReason"] = f"Stop Reason {reason}"
            wire["ReplicationTaskStats"]["StopDate"] = time.time()
            if failure:
                wire["LastFailureMessage"] = (
                    f"Last Error {failure} Stop Reason {reason} Error Level FATAL"
                )
            wire["Status"] = status
            self._store.save()


class RunSteps:
    """The steps of a run."""

    def __init__(self, job: Job, mode: str) -> None:
        """Store the job; nothing is opened yet."""
        self._job = job
        self._anew = mode != RESUME
        self._reload = mode == RELOAD
        self._cdc_only = job.task.wire["MigrationType"] == "cdc"

    def run(self) -> str:
        """Run the steps and return the stop reason, without its "Stop Reason" prefix."""
        job = self._job
        with job.source_session() as source, job.target_session() as target:
            tables = self._begin(source, target)
            if not job.options.follows_changes:
                return self._only_load(source, target, tables)
            progress = self._catch_up(source, target, tables)
        return self._follow(progress)

    def _begin(self, source: Connection, target: Connection) -> list[SourceTable]:
        job = self._job
        job.control.create(target)
        tables = select_tables(source_tables(source), job.routes, merge=self._cdc_only)
        if not tables and job.settings.of("ErrorBehavior", "FailOnNoTablesCaptured"):
            raise TaskFailed("No tables were found at task initialization; see the table mappings")
        if self._reload:
            slots.drop(source, job.names)
        if self._anew:
            job.control.forget(target)
        job.statistics.begin(
            {t.name: t.expected_rows for t in tables}, self._anew, job.control.validates
        )
        self._say_running()
        return tables

    def _say_running(self) -> None:
        job, now = self._job, time.time()
        job.note(StartDate=now, **({"FreshStartDate": now} if self._anew else {}))
        with job.store.lock:
            wire = job.task.wire
            for member in ("StopReason", "LastFailureMessage"):
                wire.pop(member, None)
            wire["ReplicationTaskStats"].pop("StopDate", None)
            if self._anew:
                job.task.hidden["load_done"] = False
            if wire["Status"] == "starting":
                wire["Status"] = "running"
            job.store.save()
        job.log.info("TASK_MANAGER", f"Task '{job.task.identifier}' is running")

    def _only_load(
        self, source: Connection, target: Connection, tables: Sequence[SourceTable]
    ) -> str:
        _, starts = self._job.control.positions(target)
        snapshot = export_snapshot(source)
        self._load(source, snapshot, [table for table in tables if table.name not in starts])
        if self._job.control.validates:
            plans = self._progress(target, tables).plans
            Validator(self._job, plans, follows=False).validate_all()
        return "FULL_LOAD_ONLY_FINISHED"

    def _load(self, source: Connection, snapshot: Snapshot, tables: Sequence[SourceTable]) -> None:
        self._job.note(FullLoadStartDate=time.time())
        FullLoad(self._job, snapshot).run(tables)
        hidden, loaded_at = self._job.task.hidden, slots.flushed_lsn(source)
        hidden["cached_until"] = loaded_at
        hidden.setdefault("loaded_at", {}).update({dotted(t.name): loaded_at for t in tables})
        self._job.note(FullLoadFinishDate=time.time())

    def _catch_up(
        self, source: Connection, target: Connection, tables: Sequence[SourceTable]
    ) -> Progress:
        """Load the tables that are not loaded yet."""
        job = self._job
        if job.names.is_given:
            return self._continue_slot(source, target, tables)
        slots.publish(source, job.names, tables)
        position, starts = job.control.positions(target)
        if not position:
            self._start_slot(source, target, tables)
        else:
            slots.require_slot(source, job.names)
            missing = [table for table in tables if table.name not in starts]
            if missing:
                with slots.temporary_snapshot(job.source, job.names, job.opened) as snapshot:
                    self._load(source, snapshot, missing)
        return self._progress(target, tables)

    def _continue_slot(
        self, source: Connection, target: Connection, tables: Sequence[SourceTable]
    ) -> Progress:
        """Begin at CdcStartPosition in the slot that the endpoint gives; no row is loaded."""
        job = self._job
        slots.require_slot(source, job.names)
        position, _ = job.control.positions(target)
        if not position:
            position = parse_lsn(job.task.hidden["cdc_start_position"])
            job.control.save_position(target, position)
            for table in tables:
                job.control.save_table(target, table.name, position)
                job.statistics.set(table.name, TableState=COMPLETED)
        job.task.hidden["cached_until"] = position
        return self._progress(target, tables)

    def _start_slot(
        self, source: Connection, target: Connection, tables: Sequence[SourceTable]
    ) -> None:
        job = self._job
        slots.drop_slot(source, job.names)  # left by a run that died before it began
        with slots.slot_with_snapshot(job.source, job.names.slot, False, job.opened) as snapshot:
            job.control.save_position(target, snapshot.lsn)
            self._load_or_skip(source, snapshot, target, tables)

    def _load_or_skip(
        self,
        source: Connection,
        snapshot: Snapshot,
        target: Connection,
        tables: Sequence[SourceTable],
    ) -> None:
        if not self._cdc_only:
            self._load(source, snapshot, tables)
            return
        for table in tables:
            self._job.control.save_table(target, table.name, snapshot.lsn)
            self._job.statistics.set(table.name, TableState=COMPLETED)

    def _progress(self, target: Connection, tables: Sequence[SourceTable]) -> Progress:
        job = self._job
        position, starts = job.control.positions(target)
        progress = Progress(position, starts, {}, job.suspended)
        if job.settings.of("ErrorBehavior", "FullLoadIgnoreConflicts"):
            loaded_at = job.task.hidden.get("loaded_at", {})
            progress.lenient_before = {t.name: loaded_at.get(dotted(t.name), 0) for t in tables}
        failed = set(job.statistics.in_state("Table error"))
        for table in tables:
            try:
                if table.name not in starts or f"{table.name[0]}.{table.name[1]}" in failed:
                    job.suspended.add(table.name)
                columns = target_columns(target, job.routes.target(table.name))
                progress.plans[table.name] = plan_table(table, job.routes, columns, job.options)
            except TableFailed as error:
                if table.name not in job.suspended:
                    job.suspend_or_stop(target, table.name, str(error))
        return progress

    def _follow(self, progress: Progress) -> str:
        validator = None
        if self._job.control.validates:
            validator = Validator(self._job, progress.plans, follows=True)
            validator.start()
        try:
            return self._follow_validated(progress, validator)
        finally:
            if validator:
                validator.stop()
            self._note_checkpoint(progress)

    def _follow_validated(self, progress: Progress, validator: Validator | None) -> str:
        following = CdcLoop(self._job, progress, validator)
        hidden, load = self._job.task.hidden, self._job.settings.document["FullLoadSettings"]
        if not hidden.get("load_done"):
            if load["StopTaskCachedChangesApplied"]:
                following.run(until=hidden["cached_until"])
            hidden["load_done"] = True
            if load["StopTaskCachedChangesApplied"]:
                return "STOPPED_AFTER_CACHED_EVENTS"
            if load["StopTaskCachedChangesNotApplied"]:
                return "STOPPED_AFTER_FULL_LOAD"
        following.run(until=None)
        return "NORMAL"

    def _note_checkpoint(self, progress: Progress) -> None:
        with self._job.store.lock:
            self._job.task.wire["RecoveryCheckpoint"] = (
                f"checkpoint:V1#{format_lsn(progress.position)}"
            )
