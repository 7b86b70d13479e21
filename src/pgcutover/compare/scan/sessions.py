"""Sessions of the comparing engine: opened when needed, several on one snapshot."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from queue import LifoQueue
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.compare.throttle.governor import Governor
from pgcutover.connect import Connection, open_session, verify_pinned
from pgcutover.error_texts.database_errors import describe_error, unreadable_on_error
from pgcutover.errors import ServerError
from pgcutover.sides import cancel

SHORTER = 0.1  # of the usual time of a query, while other sessions are active
# ranges are read by index scans; aggregates over many ranges stay in memory
_PLANNER = {
    "jit": "off",
    "work_mem": "64MB",
    "max_parallel_workers_per_gather": "0",
    "enable_bitmapscan": "off",
}


@dataclass(slots=True)
class SideSession:
    """One side's sessions; `snapshot` starts a new snapshot on a working connection.

    After `share_snapshot` up to `connections` sessions read the same snapshot.
    """

    side: str
    dsn: str = field(repr=False)
    statement_timeout_seconds: float = 0.0
    connections: int = 1
    governor: Governor | None = None
    _connection: Connection | None = field(default=None, repr=False)
    _others: list[Connection] = field(default_factory=list, repr=False)
    _idle: LifoQueue[Connection] = field(default_factory=LifoQueue, repr=False)
    _taken_at: float = 0.0
    _held: Connection | None = field(default=None, repr=False)
    is_frozen: bool = False

    def snapshot(self) -> Connection:
        """Return a connection at the start of a new snapshot; a lost one is replaced once.

        Before it, sleeps off accumulated throttle time while no snapshot is open.
        """
        if self.is_frozen and self._connection is not None:
            verify_pinned(self._connection)  # the first query takes the snapshot, which stays
            return self._use(self._connection)
        self.close_snapshot()
        if self.governor:
            self.governor.begin()
            self.governor.sleep_off()
        self._taken_at = monotonic()
        if self._connection is not None:
            with suppress(psycopg.Error):
                return self._use(_begin_transaction(self._connection))
            self._connection.close()
        try:
            self._connection = self._connect()
            return self._use(_begin_transaction(self._connection))
        except psycopg.Error as error:
            raise ServerError(f"{self.side}: cannot connect: {describe_error(error)}") from error

    def close_snapshot(self) -> None:
        """End the current snapshot, so that the server may forget what it held."""
        for each in () if self.is_frozen else self.open:
            with suppress(psycopg.Error):
                each.rollback()

    def hold(self, lock: Callable[[Connection], None]) -> None:
        """Open a session that takes locks and no snapshot yet; `begin_freeze` goes on with it."""
        self.end_freeze()
        self._held = self._connect()
        lock(self._held)

    def unthrottle(self) -> None:
        """Read at full speed until `end_freeze`."""
        if self.governor:
            self.governor.suspend()

    def begin_freeze(self) -> None:
        """Read from now on, in one snapshot, with the locks of `hold`."""
        if self._held is not None:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._held, self.is_frozen = self._held, None, True

    def end_freeze(self) -> None:
        """Release the locks of `hold`, and throttle again."""
        if self.governor:
            self.governor.suspend(is_suspended=False)
        held, self._held = self._held, None
        if held is not None:
            held.close()
        if self.is_frozen:  # else another thread may be reading
            self.is_frozen = False
            self.close_snapshot()

    @property
    def age_seconds(self) -> float:
        """The age of the current snapshot."""
        return monotonic() - self._taken_at

    @property
    def should_release_snapshot(self) -> bool:
        """Return whether the snapshot should end soon, for the server's sake."""
        return self.governor is not None and self.governor.should_release_snapshot

    def pause(self) -> None:
        """Wait, in the middle of a snapshot that cannot be renewed, while the server suffers."""
        if self.governor:
            self.governor.pause()

    @property
    def open(self) -> tuple[Connection, ...]:
        """Return every connection that may be reading."""
        return (*([self._connection] if self._connection else ()), *self._others)

    def share_snapshot(self) -> None:
        """Open more connections that read the current snapshot."""
        if self._connection is None or self.connections < 2:
            return
        with unreadable_on_error(self.side, "snapshot"):
            row = self._connection.execute("select pg_export_snapshot()").fetchone()
            alive = [c for c in self._others if not c.closed]
            while len(alive) < self.connections - 1:
                alive.append(self._connect())
            self._others = alive
            for other in alive:
                other.rollback()
                other.execute(
                    sql.SQL("set transaction snapshot {}").format(
                        sql.Literal(row[0] if row else "")
                    )
                )
                verify_pinned(other)
                self._idle.put(other)

    def fetch(
        self, query: sql.Composed, timeout_seconds: float = 0.0, *, by_index: bool = False
    ) -> tuple[list[tuple[Any, ...]], float]:
        """Return the rows and the seconds taken; psycopg.Error keeps the snapshot usable."""
        with self.governor.throttled() if self.governor else nullcontext():
            return self._fetch(query, timeout_seconds, by_index=by_index)

    def _fetch(
        self, query: sql.Composed, timeout_seconds: float, *, by_index: bool
    ) -> tuple[list[tuple[Any, ...]], float]:
        connection = self._idle.get()
        try:
            start = monotonic()
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                if timeout_seconds or by_index:
                    limit = timeout_seconds or self.statement_timeout_seconds
                    cursor.execute(_planner_query(limit, by_index=by_index))
                rows = cursor.execute(query).fetchall()
                if timeout_seconds or by_index:
                    # a released savepoint keeps its local settings until the transaction ends
                    cursor.execute(_planner_query(self.statement_timeout_seconds, by_index=False))
            busy = monotonic() - start
        finally:
            self._idle.put(connection)
        return rows, busy

    def cancel(self) -> None:
        """Cancel running queries and wake sleeping threads."""
        if self.governor:
            self.governor.interrupt()
        cancel(self.open)

    def close(self) -> None:
        """Close all connections."""
        if self.governor:
            self.governor.close()
        for connection in (*self.open, *([self._held] if self._held else ())):
            connection.close()

    def _connect(self) -> Connection:
        return open_session(
            self.dsn,
            side=self.side,
            statement_timeout_seconds=self.statement_timeout_seconds,
            settings=_PLANNER,
        )

    def _use(self, connection: Connection) -> Connection:
        self._idle = LifoQueue()
        self._idle.put(connection)
        return connection


def _planner_query(timeout_seconds: float, *, by_index: bool) -> sql.Composed:
    return sql.SQL(
        "select set_config('statement_timeout', {}, true), set_config('enable_seqscan', {}, true)"
    ).format(
        sql.Literal(str(int(timeout_seconds * 1000))), sql.Literal("off" if by_index else "on")
    )


def _begin_transaction(connection: Connection) -> Connection:
    connection.rollback()
    verify_pinned(connection)  # the first query of the transaction takes its snapshot
    return connection
