"""A connection for short looks at one side's server, kept open between them.

Opening a connection takes longer than the final proof may.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from pgcutover.connect import Connection, open_watch
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ServerError
from pgcutover.ledger.model import Label


class Watch:
    """Opens the connection when it is first needed; one look at a time."""

    def __init__(self, label: Label, dsn: str) -> None:
        """Open nothing yet."""
        self._label, self._dsn = label, dsn
        self._connection: Connection | None = None
        self._mutex = threading.Lock()

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Yield the connection for one read-only transaction; each statement sees the newest data.

        ServerError where a query fails; a connection that was lost before is opened again.
        """
        with self._mutex:
            try:
                connection = self._use()
                yield connection
                connection.rollback()
            except psycopg.Error as error:
                self._drop()
                raise ServerError(f"{self._label}: {describe_error(error)}") from error

    def _use(self) -> Connection:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute("select 1")
                return self._connection
            self._drop()
        self._connection = open_watch(self._dsn)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            self._drop()
