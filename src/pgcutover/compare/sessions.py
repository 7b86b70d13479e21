"""Sessions of the comparing engine: opened when needed, replaced when lost."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from pgcutover.connect import open_session, verify_pinned
from pgcutover.errors import ServerError, UnreadableError
from pgcutover.redact import describe_error

Connection = psycopg.Connection[Any]
Answer = TypeVar("Answer")


@dataclass(slots=True)
class SideSession:
    """One side's session; each `snapshot` is a new one, on a connection known to live."""

    side: str
    dsn: str = field(repr=False)
    statement_timeout_seconds: float = 0.0
    _connection: Connection | None = field(default=None, repr=False)

    def snapshot(self) -> Connection:
        """A connection at the start of a new snapshot; a lost one is replaced once."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                return _begun(self._connection)
            self._connection.close()
        try:
            self._connection = open_session(
                self.dsn, statement_timeout_seconds=self.statement_timeout_seconds
            )
            return _begun(self._connection)
        except psycopg.Error as error:
            raise ServerError(f"{self.side}: cannot connect: {describe_error(error)}") from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()


def _begun(connection: Connection) -> Connection:
    connection.rollback()
    verify_pinned(connection)  # the first query of the transaction takes its snapshot
    return connection


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
    except psycopg.errors.QueryCanceled as error:
        raise UnreadableError(
            f"{what}: reading the {side} was cancelled, by statement_timeout_seconds or by hand; "
            "raise the limit in [budgets] or run when the server is quieter"
        ) from error
    except (
        psycopg.errors.CharacterNotInRepertoire,
        psycopg.errors.UntranslatableCharacter,
    ) as error:
        raise UnreadableError(
            f"{what}: the {side} holds text that is not valid UTF-8; repair it, or exclude the "
            "column in migration.toml"
        ) from error
    except psycopg.Error as error:
        raise UnreadableError(
            f"{what}: the {side} could not be read: {describe_error(error)}"
        ) from error


def both(
    source: Callable[[], Answer],
    target: Callable[[], Answer],
    connections: Sequence[Connection],
) -> tuple[Answer, Answer]:
    """Both answers, asked at the same time; the first error cancels the other side and wins."""
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(source), pool.submit(target)]
        try:
            ended = wait(asked, return_when=FIRST_EXCEPTION).done
            failed = _error_of(ended)
        except BaseException:
            _cancel(connections)
            raise
        if failed is not None:
            _cancel(connections)
            raise failed
        return asked[0].result(), asked[1].result()


def _error_of(ended: set[Future[Answer]]) -> BaseException | None:
    return next((error for future in ended if (error := future.exception()) is not None), None)


def _cancel(connections: Sequence[Connection]) -> None:
    for connection in connections:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=5)
