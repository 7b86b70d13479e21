"""The change data capture phase: applies changes until stopped, and recovers from errors."""

import time
from collections.abc import Mapping

import psycopg
from psycopg import sql

from pgcutover.awslocal.cdc.change_applier import Callbacks, ChangeApplier, Progress
from pgcutover.awslocal.cdc.relation_dml import RelationDml
from pgcutover.awslocal.cdc.slot_changes import DecodedChanges, PgoutputChanges, SlotChanges
from pgcutover.awslocal.cdc.target_writer import TargetWriter
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.load.copy_table import begin_in_snapshot, load_table
from pgcutover.awslocal.mapping.catalog import SourceTable, source_tables, target_columns
from pgcutover.awslocal.mapping.table_plan import TablePlan, dotted, plan_table, quoted
from pgcutover.awslocal.task.endpoint_connection import Connection, EndpointError
from pgcutover.awslocal.task.errors import TableFailed, TaskFailed, loggable_text
from pgcutover.awslocal.task.slots import Snapshot, require_slot, temporary_snapshot
from pgcutover.awslocal.task.table_statistics import COMPLETED, RELOADING
from pgcutover.awslocal.task.task_run import Job
from pgcutover.awslocal.validation.validator import Validator
from pgcutover.pgoutput.messages import Delete, Insert, Update

POLL_SECONDS = 0.1
_SAVE_SECONDS = 1.0


class CdcLoop:
    """Applies changes from the task's position."""

    def __init__(self, job: Job, progress: Progress, validator: Validator | None) -> None:
        """Changes and reloads are reported to the validator, if there is one."""
        self._job = job
        self._progress = progress
        self._validator = validator
        self._attempts = 0
        self._saved_at = 0.0

    def run(self, until: int | None) -> None:
        """Apply changes up to `until`, or indefinitely if it is None."""
        while True:
            try:
                self._session(until)
            except (psycopg.OperationalError, psycopg.InterfaceError, EndpointError) as error:
                self._recover(error)
            else:
                return

    def _session(self, until: int | None) -> None:
        job = self._job
        with job.source_session() as source, job.target_session() as target:
            require_slot(source, job.names)
            self._progress.position, _ = job.control.positions(target)
            applier = self._applier(source, target)
            while until is None or self._progress.position < until:
                job.check()
                self._reload_tables(target, applier)
                if not self._step(applier):
                    job.wait(POLL_SECONDS)

    def _step(self, applier: ChangeApplier) -> bool:
        try:
            busy = applier.step()
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            applier.roll_back()
            return True
        self._attempts = 0
        return busy

    def _applier(self, source: Connection, target: Connection) -> ChangeApplier:
        job = self._job

        def suspend(table: Name, reason: str) -> None:
            job.suspend_or_stop(target, table, reason)

        def replan(table: Name) -> TablePlan:
            return self._replan(target, table)

        writer = TargetWriter(target, job.control, job.policy, job.log, job.suspended, suspend)
        mark_changed = self._validator.mark_changed if self._validator else _ignore_change
        hooks = Callbacks(self._applied, mark_changed, suspend, replan)
        return ChangeApplier(
            source,
            writer,
            job.names.slot,
            self._changes(),
            self._progress,
            job.settings,
            job.log,
            job.latency,
            hooks,
        )

    def _changes(self) -> SlotChanges:
        names = self._job.names
        if names.is_given:
            return DecodedChanges(names.slot, self._progress.plans)
        return PgoutputChanges(names)

    def _applied(self, counts: Mapping[tuple[Name, str], int]) -> None:
        self._job.statistics.add(counts)
        if counts and time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._saved_at = time.monotonic()
            self._job.statistics.save()

    def _replan(self, target: Connection, table: Name) -> TablePlan:
        with self._job.source_session() as source:
            found = _table(source, table)
        columns = target_columns(target, self._job.routes.target(table))
        return plan_table(found, self._job.routes, columns, self._job.options)

    def _recover(self, error: Exception) -> None:
        job = self._job
        job.check()
        self._attempts += 1
        most = job.settings.of("ErrorBehavior", "RecoverableErrorCount")
        if 0 <= most < self._attempts:
            raise TaskFailed(loggable_text(error)) from error
        job.log.failure("TASK_MANAGER", f"Task error, will be tried again: {loggable_text(error)}")
        job.wait(job.settings.of("ErrorBehavior", "RecoverableErrorInterval"))

    def _reload_tables(self, target: Connection, applier: ChangeApplier) -> None:
        while not self._job.reloads.empty():
            table = self._job.reloads.get()
            try:
                self._reload(target, table)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._job.reloads.put(table)
                raise
            except (TableFailed, psycopg.Error) as error:
                self._job.suspend_or_stop(target, table, loggable_text(error))
            applier.rematch_relations()

    def _reload(self, target: Connection, table: Name) -> None:
        job = self._job
        job.statistics.set(table, TableState=RELOADING, FullLoadStartTime=time.time())
        plan = self._replan(target, table)
        with temporary_snapshot(job.source, job.names, job.opened) as snapshot:
            rows = self._load_again(target, plan, snapshot)
        self._progress.plans[table] = plan
        self._progress.starts[table] = snapshot.lsn
        job.suspended.discard(table)
        job.control.forget_suspended(target, table)
        job.statistics.set(
            table,
            TableState=COMPLETED,
            FullLoadRows=rows,
            FullLoadEndTime=time.time(),
            FullLoadReloaded=True,
        )
        job.statistics.save()
        if self._validator:
            self._validator.mark_reloaded(table)
        job.log.info("TASK_MANAGER", f"Table {dotted(table)} was reloaded, {rows} records")

    def _load_again(self, target: Connection, plan: TablePlan, snapshot: Snapshot) -> int:
        job = self._job

        def report(rows: int) -> None:
            job.check()
            job.statistics.set(plan.name, FullLoadRows=rows)

        with job.source_session() as source:
            begin_in_snapshot(source, snapshot)
            with target.transaction():
                target.execute(sql.SQL("delete from {}").format(quoted(plan.target)))
                return load_table(source, target, plan, job.control, snapshot, report).rows


def _ignore_change(dml: RelationDml, change: Insert | Update | Delete) -> None:
    """Ignore a change of a task without validation."""


def _table(source: Connection, name: Name) -> SourceTable:
    for table in source_tables(source):
        if table.name == name:
            return table
    raise TableFailed(f"table {dotted(name)} does not exist on the source")
