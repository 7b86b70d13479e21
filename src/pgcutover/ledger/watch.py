"""A connection for short looks at one side's server, kept open between them.

Opening a connection takes longer than the final proof may.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgcutover.connect import Connection, open_watch


class Watch:
    """Opens the connection when it is first needed; one look at a time."""

    def __init__(self, dsn: str) -> None:
        """Open nothing yet."""
        self._dsn = dsn
        self._connection: Connection | None = None
        self._mutex = threading.Lock()

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Yield the connection for one read-only transaction; each statement sees the newest data.

        A lost connection is opened again at the next look.
        """
        with self._mutex:
            if self._connection is None or self._connection.closed:
                self._connection = open_watch(self._dsn)
            try:
                yield self._connection
                self._connection.rollback()
            except psycopg.Error:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
