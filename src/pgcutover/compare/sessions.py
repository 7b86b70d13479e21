"""Sessions of the comparing engine: opened when needed, replaced when lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from pgcutover.connect import open_session
from pgcutover.errors import ServerError, UnreadableError
from pgcutover.redact import describe_error

Connection = psycopg.Connection[Any]
Answer = TypeVar("Answer")


@dataclass(slots=True)
class SideSession:
    """One side's session; `snapshot` starts anew on each object, on a live connection."""

    side: str
    dsn: str = field(repr=False)
    statement_timeout_seconds: float = 0.0
    _connection: Connection | None = field(default=None, repr=False)

    def snapshot(self) -> Connection:
        """A connection at the start of a new snapshot."""
        if self._connection is not None and self._connection.closed:
            self._connection = None
        if self._connection is None:
            self._connection = self._open()
        self._connection.rollback()
        return self._connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> Connection:
        try:
            return open_session(
                self.dsn, statement_timeout_seconds=self.statement_timeout_seconds
            )
        except psycopg.Error as error:
            raise ServerError(f"{self.side}: cannot connect: {describe_error(error)}") from error


@contextmanager
def saying(side: str, what: str) -> Iterator[None]:
    """Turn a database error into UNKNOWN: which side, what was read, what would help."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise UnreadableError(
            f"{what}: the {side} refuses to let this role read it; grant select on the table, "
            "usage on its schema, and bypassrls where row-level security applies"
        ) from error
    except psycopg.Error as error:
        raise UnreadableError(
            f"{what}: the {side} could not be read: {describe_error(error)}"
        ) from error


def both(
    source: Callable[[], Answer], target: Callable[[], Answer]
) -> tuple[Answer, Answer]:
    """Both answers, asked at the same time; the first error wins once both have ended."""
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(source), pool.submit(target)]
        return asked[0].result(), asked[1].result()

