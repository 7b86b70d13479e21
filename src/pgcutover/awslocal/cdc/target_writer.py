"""Writes changes to the target in order and in transactions, batched while no error occurs."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgcutover.awslocal.cdc.relation_dml import RelationDml, Statement
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import dotted, quoted
from pgcutover.awslocal.task.control_tables import ControlTables
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.awslocal.task.error_policy import IGNORE, LOG, STOP, SUSPEND, ErrorPolicy
from pgcutover.awslocal.task.errors import TaskFailed, loggable_text
from pgcutover.awslocal.task.task_log import TaskLog
from pgcutover.pgoutput.messages import Row

_APPLIED = {
    "insert": "AppliedInserts",
    "upsert": "AppliedInserts",
    "update": "AppliedUpdates",
    "delete": "AppliedDeletes",
}
_CHUNK = 1000
_CHUNK_CHARACTERS = 8_000_000

Suspend = Callable[[Name, str], None]


@dataclass(frozen=True, slots=True)
class Pending:
    """A statement, and the upsert with which it may be retried.

    `cached` marks a change that may have arrived while its table was loading; a conflict is then
    expected and ignored.
    """

    statement: Statement
    dml: RelationDml
    row: Row | None
    cached: bool = False


class _NotAsExpected(Exception):
    """A group of statements affected fewer rows than it has members."""


class TargetWriter:
    """Collects and writes changes; counters include committed changes only."""

    def __init__(
        self,
        connection: Connection,
        control: ControlTables,
        policy: ErrorPolicy,
        log: TaskLog,
        suspended: Container[Name],
        suspend: Suspend,
    ) -> None:
        """`suspend` is called with a table that must no longer be written."""
        self.connection = connection
        self._control = control
        self._policy = policy
        self._log = log
        self._suspended = suspended
        self._suspend = suspend
        self._pending: list[Pending] = []
        self._pending_characters = 0
        self.counts: Counter[tuple[Name, str]] = Counter()

    def add(self, pending: Pending) -> None:
        """Add a change, in order."""
        self._pending.append(pending)
        self._pending_characters += sum(map(len, filter(None, pending.statement.parameters)))
        if len(self._pending) >= _CHUNK or self._pending_characters >= _CHUNK_CHARACTERS:
            self.flush()

    def truncate(self, dml: RelationDml) -> None:
        """Truncate a table, in order."""
        self.flush()
        self._begin()
        text = sql.SQL("truncate {}").format(quoted(dml.plan.target))
        try:
            with self.connection.transaction():
                self.connection.execute(text)
        except psycopg.Error as error:
            self._stop_or_suspend(dml.table, self._policy.table_error(), error)
        else:
            self.counts[dml.table, "AppliedDdls"] += 1

    def flush(self) -> None:
        """Write the collected changes; one by one if a batch fails."""
        chunk, self._pending, self._pending_characters = self._pending, [], 0
        if not chunk:
            return
        self._begin()
        try:
            with self.connection.transaction():
                for group in _groups(chunk):
                    self._write_group(group)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except (psycopg.Error, _NotAsExpected):
            for pending in chunk:
                self._write_one(pending)
        else:
            self._count(chunk)

    def commit(self, position: int) -> Counter[tuple[Name, str]]:
        """Commit together with the task's new position; return the applied changes by table."""
        self.flush()
        self._begin()
        self._control.save_position(self.connection, position)
        self.connection.commit()
        counts, self.counts = self.counts, Counter()
        return counts

    def roll_back(self) -> None:
        """Discard everything since the last commit."""
        self._pending.clear()
        self._pending_characters = 0
        self.counts.clear()
        self.connection.rollback()

    def _begin(self) -> None:
        # without an outer transaction, psycopg's transaction() would commit each chunk
        if self.connection.info.transaction_status == TransactionStatus.IDLE:
            self.connection.execute("begin")

    def _write_group(self, group: list[Statement]) -> None:
        with self.connection.cursor() as cursor:
            if len(group) == 1:
                cursor.execute(group[0].text, group[0].parameters)
            else:
                cursor.executemany(group[0].text, [s.parameters for s in group])
            if cursor.rowcount != len(group):
                raise _NotAsExpected

    def _count(self, chunk: Iterable[Pending]) -> None:
        for pending in chunk:
            statement = pending.statement
            self.counts[statement.table, _APPLIED[statement.action]] += 1

    def _write_one(self, pending: Pending) -> None:
        statement = pending.statement
        if statement.table in self._suspended:
            return
        try:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                cursor.execute(statement.text, statement.parameters)
                written = cursor.rowcount
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except psycopg.Error as error:
            self._refused(pending, error)
        else:
            if written:
                self._count([pending])
            else:
                self._missed(pending)

    def _refused(self, pending: Pending, error: psycopg.Error) -> None:
        if pending.cached and isinstance(error, psycopg.errors.UniqueViolation):
            return
        statement = pending.statement
        policy = self._policy.failed(statement.table, statement.action, error)
        self._act(pending, policy, loggable_text(error), str(error), error)

    def _missed(self, pending: Pending) -> None:
        if pending.cached:
            return
        statement = pending.statement
        policy = self._policy.missing_row(statement.table, statement.action)
        self._act(pending, policy, "0 rows affected", "0 rows affected", None)

    def _act(
        self, pending: Pending, policy: str, said: str, full: str, error: Exception | None
    ) -> None:
        statement = pending.statement
        if policy in ("INSERT_RECORD", "UPDATE_RECORD") and self._upserted(pending):
            return
        if policy in (SUSPEND, STOP):
            self._stop_or_suspend(statement.table, policy, error or TaskFailed(said))
        elif policy != IGNORE:
            self._log.warning(
                "TARGET_APPLY", f"{statement.action} on {dotted(statement.table)}: {said}"
            )
            self._control.record_exception(
                self.connection, statement.table, self._literal(statement), full
            )

    def _upserted(self, pending: Pending) -> bool:
        if pending.row is None or not pending.dml.plan.key:
            return False
        mark_reloaded = pending.dml.upsert(pending.row)
        try:
            with self.connection.transaction():
                self.connection.execute(mark_reloaded.text, mark_reloaded.parameters)
        except psycopg.Error as error:
            self._act(pending, LOG, loggable_text(error), str(error), error)
        else:
            self._count([pending])
        return True

    def _stop_or_suspend(self, table: Name, policy: str, error: Exception) -> None:
        reason = loggable_text(error)
        if policy == STOP:
            raise TaskFailed(f"{dotted(table)}: {reason}") from error
        self._suspend(table, reason)

    def _literal(self, statement: Statement) -> str:
        cursor = psycopg.ClientCursor(self.connection)
        return cursor.mogrify(statement.text, statement.parameters)


def _groups(chunk: Iterable[Pending]) -> Iterator[list[Statement]]:
    """Return runs of statements that differ only in their parameters."""
    for _, run in groupby((p.statement for p in chunk), key=lambda s: s.shape):
        yield list(run)
