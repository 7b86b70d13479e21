"""The snapshots of one table and its finished scan, shared by all checks of the table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pgcutover.compare.scan.sessions import SideSession
from pgcutover.connect import Connection
from pgcutover.mapping import RelationName
from pgcutover.sides import Sides

T = TypeVar("T")


class ScanCache(Generic[T]):
    """Owns the snapshots and the result of the table that is being checked.

    The result is kept apart from the snapshots: it outlives them, until another table is checked.
    """

    def __init__(self, sessions: Sides[SideSession]) -> None:
        """Open nothing yet."""
        self._sessions = sessions
        self._table: RelationName | None = None
        self._opened: set[str] = set()
        self._result: T | None = None

    @contextmanager
    def use(self, table: RelationName) -> Iterator[None]:
        """Keep snapshots and result for the next check of this table; drop another table's.

        After an error the snapshots are dropped, because they may be lost.
        """
        if self._table != table:
            self.drop()
            self._table = table
        try:
            yield
        except BaseException:
            self.drop_snapshots()
            raise

    def open_snapshots(self) -> Sides[Connection]:
        """Return both sides' connections in the table's snapshots."""
        return self._sessions.map(self._open)

    def open_target_snapshot(self) -> Connection:
        """Return the target's connection in the table's snapshot."""
        return self._open(self._sessions.target)

    def _open(self, session: SideSession) -> Connection:
        if session.side in self._opened:
            return session.open[0]
        connection = session.snapshot()
        self._opened.add(session.side)
        return connection

    @property
    def result(self) -> T | None:
        """Return the table's result; None before its scan has finished."""
        return self._result

    def fetch_result(self, scan: Callable[[], T]) -> T:
        """Return the table's result; scan it first where there is none."""
        if self._result is None:
            self._result = scan()
        return self._result

    def drop_snapshots(self) -> None:
        """End the snapshots; the next query takes new ones."""
        for session in self._sessions:
            if session.side in self._opened:
                session.close_snapshot()
        self._opened.clear()

    def drop(self) -> None:
        """Forget the table, its snapshots and its result."""
        self.drop_snapshots()
        self._table = self._result = None
