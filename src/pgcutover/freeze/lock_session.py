"""The session of a freeze: its transaction, its timeouts and its locks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from random import uniform
from time import monotonic, sleep

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import FreezeError
from pgcutover.freeze.deadline import deadline
from pgcutover.freeze.relations import LockedRelation, lock_statement

_TRANSACTION_TIMEOUT_SINCE = 170000
_SNAPSHOT_SINCE = 130000
_SHORT = (1 / 60, 1 / 15)  # of the lock timeout
_LONG = (1 / 4, 1 / 2)
_TRY = 20  # times the lock timeout
_WAITS = 4
_TABLE_SECONDS = 0.0005  # to take one lock on a busy server
_NETWORK_SECONDS = 2.0  # for the answer of a server that needs no time
_UNDO = b"rollback to savepoint pgcutover_lock"
_FACTS = "select pg_current_wal_insert_lsn()::text, {}()::text"
# a session that waits for a lock of ours holds nothing of interest
_HOLDERS = """
select distinct c.relname::text, case when l.pid is null then 'a prepared transaction'
    else coalesce(a.backend_type, 'backend') || ' ' || l.pid end
from pg_locks l join pg_class c on c.oid = l.relation
left join pg_stat_activity a on a.pid = l.pid
where l.granted and l.relation = any(%s::oid[]) and l.mode = any(%s)
  and l.pid is distinct from pg_backend_pid()
  and l.database = (select oid from pg_database where datname = current_database())
order by 1, 2 limit 3
"""
_BLOCK_PREPARE = [
    "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock",
    "AccessExclusiveLock",
]  # fmt: skip
_BLOCK_LOCK = ["RowExclusiveLock", *_BLOCK_PREPARE]


@dataclass(frozen=True, slots=True)
class Granted:
    """Position and snapshot at the grant, and the monotonic time at which its attempt began."""

    lsn: str
    snapshot: str
    begun: float


class LockSession:
    """One connection; every error of the server becomes a FreezeError that says who holds what."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Open the connection; FreezeError where that fails."""
        try:
            self.connection = connect()
        except psycopg.Error as error:
            raise FreezeError(
                f"source: cannot connect for the freeze: {describe_error(error)}"
            ) from error

    def begin(self, wait_seconds: float, idle_seconds: float) -> None:
        """Begin a transaction whose settings end with it, also behind a pooler."""
        with deadline(self.connection, _NETWORK_SECONDS):
            self.set_timeouts(wait_seconds, idle_seconds)
            self.connection.execute("set local search_path to pg_catalog")
            if self.connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
                self.connection.execute("set local transaction_timeout to 0")

    def lock_out_vacuum_and_ddl(
        self, relations: Sequence[LockedRelation], wait_seconds: float
    ) -> None:
        """Take SHARE UPDATE EXCLUSIVE; the transaction ends if that fails."""
        try:
            with deadline(self.connection, wait_seconds + _NETWORK_SECONDS):
                self.connection.execute(lock_statement(relations, "share update exclusive"))
        except psycopg.Error as error:
            self.rollback()
            raise FreezeError(self._describe(error, relations, _BLOCK_PREPARE)) from error

    def lock_out_writers(
        self, relations: Sequence[LockedRelation], wait_seconds: float, idle_seconds: float
    ) -> Granted:
        """Take SHARE and return position and snapshot; the earlier locks stay if that fails.

        A writer that holds one table and waits for another one of ours keeps the lock away until
        the timeout, and so does every writer that will. The lock is granted in a moment without
        such a writer, so most attempts are short, and writers go on between them. The long ones
        are for writers that need more time.
        """
        failed: psycopg.Error | None = None
        until = monotonic() + wait_seconds * _TRY
        for share in chain(_short_shares(until), _LONG):
            begun = monotonic()
            try:
                return self._attempt(relations, wait_seconds * share, idle_seconds)
            except psycopg.Error as error:
                failed = error
                if not self._undo_attempt():
                    self.rollback()
                    break
                sleep(uniform(0.5, 1) * (monotonic() - begun))  # noqa: S311
        words = self._describe(failed, relations, _BLOCK_LOCK) if failed else "no attempt"
        raise FreezeError(words) from failed

    def _attempt(
        self, relations: Sequence[LockedRelation], lock_seconds: float, idle_seconds: float
    ) -> Granted:
        """Wait `lock_seconds` for each table, and a few times as long for all of them."""
        begun = monotonic()
        statement_seconds = lock_seconds * _WAITS + len(relations) * _TABLE_SECONDS
        lock = sql.SQL("; ").join(
            (
                _timeouts(statement_seconds, idle_seconds, lock_seconds),
                sql.SQL("savepoint pgcutover_lock"),
                lock_statement(relations, "share"),
                sql.SQL("set local statement_timeout to 0"),
            )
        )
        with deadline(self.connection, statement_seconds + _NETWORK_SECONDS):
            self.connection.execute(lock)
            return Granted(*self._position(), begun)

    def set_timeouts(self, wait_seconds: float, idle_seconds: float) -> None:
        """Bound each statement, each lock, and the time of being idle in the transaction."""
        self.connection.execute(_timeouts(wait_seconds, idle_seconds, wait_seconds))

    def rollback(self) -> None:
        """End the transaction; a connection that cannot do that in time is closed."""
        if not self.connection.closed:
            try:
                with deadline(self.connection, _NETWORK_SECONDS):
                    self.connection.rollback()
            except psycopg.Error:
                self.connection.close()

    def commit(self) -> None:
        """Commit; psycopg.Error where it is not known whether it took effect."""
        with deadline(self.connection, _NETWORK_SECONDS):
            self.connection.commit()

    def cancel(self) -> None:
        """Cancel the running statement."""
        with suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=1)

    def _position(self) -> tuple[str, str]:
        newer = self.connection.info.server_version >= _SNAPSHOT_SINCE
        query = _FACTS.format("pg_current_snapshot" if newer else "txid_current_snapshot")
        row = self.connection.execute(query.encode()).fetchone()
        return (str(row[0]), str(row[1])) if row else ("", "")

    def _undo_attempt(self) -> bool:
        try:
            with deadline(self.connection, _NETWORK_SECONDS):
                self.connection.execute(_UNDO)
        except psycopg.Error:
            return False
        return True

    def _describe(
        self, error: psycopg.Error, relations: Sequence[LockedRelation], modes: list[str]
    ) -> str:
        words = describe_error(error)
        if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
            held = self._holders(relations, modes)
            return f"{held[0]} held by {held[1]} ({words})" if held else words
        return words

    def _holders(
        self, relations: Sequence[LockedRelation], modes: list[str]
    ) -> tuple[str, str] | None:
        """Return a table and the session that keeps it; None if it has let go meanwhile."""
        idle = self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        try:
            with deadline(self.connection, _NETWORK_SECONDS):
                rows = self.connection.execute(_HOLDERS, [[r.oid for r in relations], modes])
                row = rows.fetchone()
        except psycopg.Error:
            return None
        finally:
            if idle:
                self.rollback()
        return (str(row[0]), str(row[1])) if row else None


def _short_shares(until: float) -> Iterator[float]:
    while monotonic() < until:
        yield uniform(*_SHORT)  # noqa: S311 - no secret


def _timeouts(wait_seconds: float, idle_seconds: float, lock_seconds: float) -> sql.Composed:
    values = (max(1, round(each * 1000)) for each in (lock_seconds, wait_seconds, idle_seconds))
    return sql.SQL(
        "set local lock_timeout to {}; set local statement_timeout to {}; "
        "set local idle_in_transaction_session_timeout to {}"
    ).format(*map(sql.Literal, values))
