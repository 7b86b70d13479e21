"""One session on each side for many small checks, because opening one takes many round trips."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import psycopg

from pgcutover.connect.opening import open_side
from pgcutover.connect.pinned import Connection


class SideSessions:
    """Sessions by the name of their side, opened when they are first used."""

    def __init__(self, source_dsn: str, target_dsn: str) -> None:
        """Open nothing yet."""
        self._dsns = {"source": source_dsn, "target": target_dsn}
        self._opened: dict[str, Connection] = {}

    @contextmanager
    def use(self, side: str) -> Iterator[Connection]:
        """A read-only session; what is read within is one snapshot, and the next use has another.

        ServerError where the side cannot be reached.
        """
        connection = self._opened.get(side)
        if connection is None or connection.closed:
            connection = self._opened[side] = open_side(side, self._dsns[side])
        try:
            yield connection
        finally:
            # a lost session is opened anew by the next use
            with suppress(psycopg.Error):
                connection.rollback()

    def close(self) -> None:
        """Close all sessions."""
        while self._opened:
            self._opened.popitem()[1].close()

    def __enter__(self) -> Self:
        """Return the sessions."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all sessions."""
        self.close()
