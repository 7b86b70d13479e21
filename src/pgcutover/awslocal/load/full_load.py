"""Full load of several tables in parallel, from one snapshot of the source."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg

from pgcutover.awslocal.load.copy_table import LoadResult, begin_in_snapshot, load_table
from pgcutover.awslocal.load.prepare_target import prepare_table
from pgcutover.awslocal.mapping.catalog import SourceTable, target_columns
from pgcutover.awslocal.mapping.table_plan import TablePlan, dotted, plan_table
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.awslocal.task.errors import Stopped, TableFailed, TaskFailed, loggable_text
from pgcutover.awslocal.task.slots import Snapshot, has_identity
from pgcutover.awslocal.task.table_statistics import CANCELLED, COMPLETED, FULL_LOAD
from pgcutover.awslocal.task.task_run import Job


class FullLoad:
    """Loads tables from a snapshot; `plans` then holds the plan of each loaded table."""

    def __init__(self, job: Job, snapshot: Snapshot) -> None:
        """The snapshot must remain exported until `run` returns."""
        self._job = job
        self._snapshot = snapshot
        self._queue: queue.SimpleQueue[SourceTable] = queue.SimpleQueue()
        self._rule_fault = threading.Event()
        self.plans: list[TablePlan] = []

    def run(self, tables: Iterable[SourceTable]) -> None:
        """Load all tables; a failure that is not specific to one table ends the load."""
        waiting = list(tables)
        for table in waiting:
            self._queue.put(table)
        workers = min(
            self._job.settings.of("FullLoadSettings", "MaxFullLoadSubTasks"), len(waiting)
        )
        if not workers:
            return
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(self._work) for _ in range(workers)]
        for future in futures:
            future.result()

    def _work(self) -> None:
        try:
            with self._job.source_session() as source, self._job.target_session() as target:
                begin_in_snapshot(source, self._snapshot)
                while not self._rule_fault.is_set() and (table := self._next()):
                    self._load(source, target, table)
        except BaseException:
            self._rule_fault.set()
            raise

    def _next(self) -> SourceTable | None:
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None

    def _load(self, source: Connection, target: Connection, table: SourceTable) -> None:
        job = self._job
        job.statistics.set(
            table.name, TableState=FULL_LOAD, FullLoadStartTime=time.time(), FullLoadRows=0
        )
        try:
            plan, loaded = self._moved(source, target, table)
        except (Stopped, psycopg.errors.QueryCanceled):
            job.statistics.set(table.name, TableState=CANCELLED, FullLoadRows=0)
            raise Stopped from None
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except (TableFailed, psycopg.Error) as error:
            source.execute("rollback")  # in an aborted transaction the next table would fail too
            begin_in_snapshot(source, self._snapshot)
            job.statistics.set(table.name, FullLoadEndTime=time.time(), FullLoadRows=0)
            job.suspend_or_stop(target, table.name, loggable_text(error))
        else:
            self.plans.append(plan)
            self._finished(table, plan, loaded)

    def _moved(
        self, source: Connection, target: Connection, table: SourceTable
    ) -> tuple[TablePlan, LoadResult]:
        job = self._job
        mode = job.settings.of("FullLoadSettings", "TargetTablePrepMode")
        prepare_table(target, table, job.routes, mode)
        columns = target_columns(target, job.routes.target(table.name))
        plan = plan_table(table, job.routes, columns, job.options)

        def report(rows: int) -> None:
            job.check()
            job.statistics.set(table.name, FullLoadRows=rows)

        return plan, load_table(source, target, plan, job.control, self._snapshot, report)

    def _finished(self, table: SourceTable, plan: TablePlan, loaded: LoadResult) -> None:
        job = self._job
        for component, text in self._surprises(table, plan, loaded):
            job.log.warning(component, f"table {dotted(table.name)}: {text}")
        if loaded.cut and job.fail_on_cut:
            raise TaskFailed(f"a LOB of {dotted(table.name)} was truncated")
        job.statistics.set(
            table.name,
            TableState=COMPLETED,
            FullLoadRows=loaded.rows,
            FullLoadEndTime=time.time(),
        )
        job.statistics.save()
        job.log.info(
            "TASK_MANAGER",
            f"Load finished for table '{table.name[0]}'.'{table.name[1]}' (Id = {table.oid}) by "
            f"subtask 1. {loaded.rows} records transferred.",
        )

    def _surprises(
        self, table: SourceTable, plan: TablePlan, loaded: LoadResult
    ) -> Iterator[tuple[str, str]]:
        """Return warnings about data of this table that is not migrated."""
        for column, count in loaded.cut.items():
            limit = f"LobMaxSize ({plan.lob_kilobytes} KB)"
            yield "SOURCE_UNLOAD", f"{count} LOBs of column {column} were truncated to {limit}"
        for column in plan.left_behind:
            yield "SOURCE_UNLOAD", f"column {column} is not migrated: its type is oid"
        if not self._job.options.follows_changes:
            return
        if table.persistence != "p":
            yield "SOURCE_CAPTURE", "it is unlogged: changes are ignored"
        elif not (table.key and has_identity(table)):
            yield "SOURCE_CAPTURE", "it has no primary key: UPDATE and DELETE are ignored"
