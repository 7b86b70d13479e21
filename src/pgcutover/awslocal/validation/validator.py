"""DMS data validation: all rows after the load, then the rows that changes modify.

A difference is reported if it persists over several rechecks while the mover is idle; AWS waits
minutes (RecordFailureDelayInMinutes), a rehearsal does not. As documented, validation needs a
primary key that is no LOB and shorter than 1024 characters, and stops for a table at
TableFailureMaxCount differences.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

import psycopg

from pgcutover.awslocal.cdc.relation_dml import RelationDml
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import TablePlan
from pgcutover.awslocal.task.endpoint_connection import Connection, EndpointError
from pgcutover.awslocal.task.errors import Stopped, loggable_text
from pgcutover.awslocal.task.task_run import Job
from pgcutover.awslocal.validation.row_digests import Key, RowReader, differences, readers, verdict
from pgcutover.pgoutput.messages import Delete, Insert, Update

LOOKS = 3
_PAUSE_SECONDS = 0.3
_LONGEST_KEY_TEXT = 1024
_MOST_WAITING_KEYS = 10_000
_KEYS_A_PASS = 300
_VARLENA_HEADER = 4


@dataclass(slots=True)
class _Table:
    """The validation state of one table."""

    plan: TablePlan
    source: RowReader
    target: RowReader
    scanned: bool = False
    waiting: dict[Key, int] = field(default_factory=dict)
    failed: set[Key] = field(default_factory=set)
    given_up: str = ""


class Validator:
    """Validates a task's tables in a separate thread."""

    def __init__(self, job: Job, plans: Mapping[Name, TablePlan], follows: bool) -> None:
        """`follows` means that changes are being applied, so a difference may be in flight."""
        self._job = job
        self._looks = LOOKS if follows else 1
        self._lock = threading.Lock()
        self._tables = {name: self._table(plan) for name, plan in plans.items() if plan.key}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        for name, plan in plans.items():
            self._announce(name, plan)

    def _table(self, plan: TablePlan) -> _Table:
        settings = self._job.settings
        pair = readers(
            plan,
            settings.of("ValidationSettings", "SkipLobColumns"),
            settings.of("ValidationSettings", "ValidationPartialLobSize"),
        )
        return _Table(plan, *pair)

    def _announce(self, name: Name, plan: TablePlan) -> None:
        statistics = self._job.statistics
        if not plan.key:
            statistics.set(name, ValidationState="No primary key")
        elif reason := _unusable_key(plan):
            self._tables.pop(name)
            statistics.set(name, ValidationState="Error", ValidationStateDetails=reason)
        elif name not in self._job.suspended:
            rows = statistics.get(name, "FullLoadRows")
            statistics.set(
                name, ValidationState="Pending records", ValidationPendingRecords=max(rows, 1)
            )

    def start(self) -> None:
        """Validate until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; unfinished tables remain pending."""
        self._ended.set()
        self._thread.join(timeout=5)

    def mark_changed(self, dml: RelationDml, change: Insert | Update | Delete) -> None:
        """Mark the row of an applied change for validation."""
        table = self._tables.get(dml.table)
        if table is None:
            return
        row = change.old if isinstance(change, Delete) else change.new
        key = dml.key_of(row)
        if None in key:
            return
        with self._lock:
            first = not table.waiting
            table.waiting[tuple(str(part) for part in key)] = 0
            if len(table.waiting) > _MOST_WAITING_KEYS:
                table.waiting.clear()
                table.scanned = False
        if first:
            self._report(dml.table, table)

    def mark_reloaded(self, name: Name) -> None:
        """Mark all rows of a reloaded table for validation."""
        if table := self._tables.get(name):
            with self._lock:
                table.scanned = False
                table.given_up = ""

    def validate_all(self) -> None:
        """Validate everything in this thread."""
        with self._job.source_session() as source, self._job.target_session() as target:
            while self._unfinished():
                self._pass(source, target)

    def _unfinished(self) -> bool:
        return any(
            (not t.scanned or t.waiting) and not t.given_up and name not in self._job.suspended
            for name, t in self._tables.items()
        )

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with self._job.source_session() as source, self._job.target_session() as target:
                    while not self._ended.wait(_PAUSE_SECONDS):
                        self._pass(source, target)
            except Stopped:
                return
            except (psycopg.OperationalError, psycopg.InterfaceError, EndpointError) as error:
                self._job.log.failure("VALIDATOR", loggable_text(error))
                self._ended.wait(1)

    def _pass(self, source: Connection, target: Connection) -> None:
        for name, table in self._tables.items():
            if name in self._job.suspended or table.given_up:
                continue
            try:
                self._validate(name, table, source, target)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except psycopg.Error as error:
                table.given_up = loggable_text(error)
                self._job.statistics.set(
                    name, ValidationState="Error", ValidationStateDetails=table.given_up
                )

    def _validate(self, name: Name, table: _Table, source: Connection, target: Connection) -> None:
        if not table.scanned:
            self._scan(name, table, source, target)
        elif table.waiting:
            self._look_again(name, table, source, target)

    def _scan(self, name: Name, table: _Table, source: Connection, target: Connection) -> None:
        most = self._job.settings.of("ValidationSettings", "TableFailureMaxCount")
        table.scanned = True
        table.failed.clear()
        self._job.control.forget_mismatches(target, name)
        found: list[Key] = []
        pairs = differences(table.source.stream(source), table.target.stream(target))
        for n, key in enumerate(pairs):
            if n % 1000 == 0:
                self._check()
            if key is not None:
                found.append(key)
            if len(found) > most:
                break
        pairs.close()
        with self._lock:
            for key in found:
                table.waiting.setdefault(key, 0)
        self._report(name, table)

    def _check(self) -> None:
        self._job.check()
        if self._ended.is_set():
            raise Stopped

    def _look_again(
        self, name: Name, table: _Table, source: Connection, target: Connection
    ) -> None:
        with self._lock:
            keys = list(islice(table.waiting, _KEYS_A_PASS))
        for key in keys:
            self._check()
            kind = verdict(table.source.digest(source, key), table.target.digest(target, key))
            self._judge(name, table, key, kind, target)
        self._report(name, table)

    def _judge(self, name: Name, table: _Table, key: Key, kind: str, target: Connection) -> None:
        with self._lock:
            if not kind:
                table.waiting.pop(key, None)
                table.failed.discard(key)
                return
            if not self._job.latency.is_idle():
                return
            table.waiting[key] = table.waiting.get(key, 0) + 1
            if table.waiting[key] < self._looks:
                return
            table.waiting.pop(key)
            if key in table.failed:
                return
            table.failed.add(key)
        self._job.control.record_mismatch(target, name, json.dumps({"key": list(key)}), kind, "[]")
        self._give_up_at_limit(name, table)

    def _give_up_at_limit(self, name: Name, table: _Table) -> None:
        if len(table.failed) >= self._job.settings.of("ValidationSettings", "TableFailureMaxCount"):
            table.given_up = "validation is suspended: TableFailureMaxCount is reached"
            self._job.statistics.set(name, ValidationStateDetails=table.given_up)
            self._job.log.warning("VALIDATOR", f"table {name[0]}.{name[1]}: {table.given_up}")

    def _report(self, name: Name, table: _Table) -> None:
        with self._lock:
            waiting, failed = len(table.waiting), len(table.failed)
            state = "Mismatched records" if failed else "Validated"
            if not table.scanned or (waiting and not table.given_up):
                state = "Pending records"
        self._job.statistics.set(
            name,
            ValidationState=state,
            ValidationPendingRecords=waiting,
            ValidationFailedRecords=failed,
        )


def _unusable_key(plan: TablePlan) -> str:
    for part in plan.key:
        column = plan.table.column(part.source)
        if part.lob:
            return f"primary key column {part.source} is a LOB"
        length = column.modifier - _VARLENA_HEADER if column else 0
        if part.base in ("varchar", "bpchar") and length >= _LONGEST_KEY_TEXT:
            return f"primary key column {part.source} is longer than {_LONGEST_KEY_TEXT}"
    return ""
