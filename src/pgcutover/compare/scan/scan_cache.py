"""The snapshots of one table and its finished scan, shared by all checks of the table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pgcutover.compare.scan.sessions import Connection, SideSession
from pgcutover.mapping import RelationName
from pgcutover.sides import Sides

T = TypeVar("T")


class ScanCache(Generic[T]):
    """Owns the snapshots and the result of the table that is being checked."""

    def __init__(self, sessions: Sides[SideSession]) -> None:
        """Open nothing yet."""
        self._sessions = sessions
        self._table: RelationName | None = None
        self._snapshots: Sides[Connection] | None = None
        self._result: T | None = None

    @contextmanager
    def use(self, table: RelationName) -> Iterator[None]:
        """Keep snapshots and result for the next check of this table; drop another table's.

        After an error both are dropped, because the snapshots may be lost.
        """
        if self._table != table:
            self.drop()
            self._table = table
        try:
            yield
        except BaseException:
            self.drop()
            raise

    def open_snapshots(self) -> Sides[Connection]:
        """Return both sides' connections in the table's snapshots."""
        if self._snapshots is None:
            self._snapshots = self._sessions.map(lambda session: session.snapshot())
        return self._snapshots

    @property
    def result(self) -> T | None:
        """The table's result, if its scan has finished."""
        return self._result

    def fetch_result(self, scan: Callable[[], T]) -> T:
        """Return the table's result; scan it first where there is none."""
        if self._result is None:
            self.open_snapshots()
            self._result = scan()
        return self._result

    def drop_snapshots(self) -> None:
        """Take new snapshots for the next query."""
        self._snapshots = None

    def drop(self) -> None:
        """Forget the table, its snapshots and its result."""
        self._table = self._snapshots = self._result = None
