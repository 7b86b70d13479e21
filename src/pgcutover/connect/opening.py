"""Opens connections: each one is checked for a pooler and for the server that it reached."""

from collections.abc import Mapping

import psycopg

from pgcutover.connect.pinned import PINNED, Connection, PinnedCursor, set_local, verify_pinned
from pgcutover.connect.pooler import connect, refuse_pooler
from pgcutover.connect.server import refuse_another_server
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ServerError

_TRANSACTION_TIMEOUT_SINCE = 170000
_WATCH_SECONDS = 10.0
LOCK_TIMEOUT_SECONDS = 5.0
# only a flushed commit is decoded and carried to the target
_WRITER = {"synchronous_commit": "on", "lock_timeout": "5000", "statement_timeout": "60000"}


def open_session(
    dsn: str,
    *,
    statement_timeout_seconds: float = 0.0,
    lock_timeout_seconds: float | None = None,
    side: str = "",
    settings: Mapping[str, str] | None = None,
    isolation_level: psycopg.IsolationLevel = psycopg.IsolationLevel.REPEATABLE_READ,
) -> Connection:
    """Open a connection whose transactions are read only, with every output setting pinned.

    psycopg.Error where the server cannot be reached; ServerError where a setting does not hold,
    a pooler shares the session, or another server than before was reached.
    """
    connection = connect(dsn)
    try:
        refuse_pooler(connection, dsn)
        connection.isolation_level = isolation_level
        connection.side = side
        lock_timeout = (
            LOCK_TIMEOUT_SECONDS if lock_timeout_seconds is None else lock_timeout_seconds
        )
        connection.lock_timeout_seconds = lock_timeout
        pinned = {
            **PINNED,
            **(settings or {}),
            "statement_timeout": f"{int(statement_timeout_seconds * 1000)}",
            "lock_timeout": f"{int(lock_timeout * 1000)}",
        }
        if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
            pinned["transaction_timeout"] = "0"
        _pin(connection, pinned)
        verify_pinned(connection)
        refuse_another_server(connection, dsn)
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def open_side(side: str, dsn: str) -> Connection:
    """Open a pinned read-only connection; ServerError names the side."""
    try:
        return open_session(dsn, side=side)
    except psycopg.ProgrammingError as error:
        raise ServerError(
            f"{side}: its DSN is not a conninfo string or URL that libpq understands"
        ) from error
    except psycopg.Error as error:
        raise ServerError(f"{side}: cannot connect: {describe_error(error)}") from error
    except ServerError as error:
        raise type(error)(f"{side}: {error}") from error


def open_watch(dsn: str) -> Connection:
    """Open a read-only connection for looks at the server's statistics.

    Statistics stay the same within a transaction, so each look needs a transaction of its own.
    """
    return open_session(
        dsn,
        statement_timeout_seconds=_WATCH_SECONDS,
        isolation_level=psycopg.IsolationLevel.READ_COMMITTED,
    )


def open_writer(dsn: str, settings: Mapping[str, str] | None = None) -> Connection:
    """Open a connection that writes, and whose commits are flushed."""
    connection = connect(dsn, read_only=False)
    try:
        refuse_pooler(connection, dsn)
        _pin(connection, {**_WRITER, **(settings or {})})
    except BaseException:
        connection.close()
        raise
    return connection


def open_owner(dsn: str) -> Connection:
    """Open a connection in autocommit mode for scripts, which may set what they want.

    Their settings last as long as the session, so a pooler that shares it is refused.
    """
    connection = connect(dsn, read_only=False, autocommit=True)
    try:
        refuse_pooler(connection, dsn)
    except BaseException:
        connection.close()
        raise
    return connection


def require_own_session(side: str, dsn: str) -> None:
    """Raise ServerError where the DSN leads to a pooler that shares server sessions."""
    open_side(side, dsn).close()


def _pin(connection: Connection, settings: Mapping[str, str]) -> None:
    connection.cursor_factory = PinnedCursor
    connection.pinned = set_local({"application_name": "pgcutover", **settings})
