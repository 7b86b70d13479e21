"""Writing changes to the target: in order, in transactions, fast while nothing goes wrong."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgcutover.awslocal.cdc.relation_dml import Binding, Statement
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import dotted, quoted
from pgcutover.awslocal.task.control_tables import ControlTables
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.awslocal.task.error_policy import IGNORE, LOG, STOP, SUSPEND, ErrorPolicy
from pgcutover.awslocal.task.errors import TaskFailed, speakable
from pgcutover.awslocal.task.task_log import TaskLog
from pgcutover.pgoutput import Row

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
    """A statement with what it takes to retry it as an upsert.

    `cached` where the change may have come while its table was loading: then a conflict is
    expected, and ignored.
    """

    statement: Statement
    binding: Binding
    row: Row | None
    cached: bool = False


class _NotAsExpected(Exception):
    """A group of statements met fewer rows than it has members."""


class TargetWriter:
    """Collects changes and writes them; what is counted counts once it is committed."""

    def __init__(
        self,
        connection: Connection,
        control: ControlTables,
        policy: ErrorPolicy,
        log: TaskLog,
        suspended: Container[Name],
        suspend: Suspend,
    ) -> None:
        """`suspend` is told of a table that must not be written any more."""
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
        """Take a change in its turn."""
        self._pending.append(pending)
        self._pending_characters += sum(map(len, filter(None, pending.statement.parameters)))
        if len(self._pending) >= _CHUNK or self._pending_characters >= _CHUNK_CHARACTERS:
            self.flush()

    def truncate(self, binding: Binding) -> None:
        """Empty a table in its turn."""
        self.flush()
        self._begin()
        text = sql.SQL("truncate {}").format(quoted(binding.plan.target))
        try:
            with self.connection.transaction():
                self.connection.execute(text)
        except psycopg.Error as error:
            self._stop_or_suspend(binding.table, self._policy.table_error(), error)
        else:
            self.counts[binding.table, "AppliedDdls"] += 1

    def flush(self) -> None:
        """Write what was taken; one by one where the fast way does not work out."""
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
        """Make it last, with the position it brings the task to; what was applied, by table."""
        self.flush()
        self._begin()
        self._control.save_position(self.connection, position)
        self.connection.commit()
        counts, self.counts = self.counts, Counter()
        return counts

    def roll_back(self) -> None:
        """Forget what was taken and written since the last commit."""
        self._pending.clear()
        self._pending_characters = 0
        self.counts.clear()
        self.connection.rollback()

    def _begin(self) -> None:
        # without a transaction around it, psycopg's transaction() would commit each chunk
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
        self._act(pending, policy, speakable(error), str(error), error)

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
        if pending.row is None or not pending.binding.plan.key:
            return False
        again = pending.binding.upsert(pending.row)
        try:
            with self.connection.transaction():
                self.connection.execute(again.text, again.parameters)
        except psycopg.Error as error:
            self._act(pending, LOG, speakable(error), str(error), error)
        else:
            self._count([pending])
        return True

    def _stop_or_suspend(self, table: Name, policy: str, error: Exception) -> None:
        reason = speakable(error)
        if policy == STOP:
            raise TaskFailed(f"{dotted(table)}: {reason}") from error
        self._suspend(table, reason)

    def _literal(self, statement: Statement) -> str:
        cursor = psycopg.ClientCursor(self.connection)
        return cursor.mogrify(statement.text, statement.parameters)


def _groups(chunk: Iterable[Pending]) -> Iterator[list[Statement]]:
    """Runs of statements that differ in parameters only."""
    for _, run in groupby((p.statement for p in chunk), key=lambda s: s.shape):
        yield list(run)
