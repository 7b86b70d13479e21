"""Recognises a pooler that gives one server session to several clients in turn.

Its addresses, its name and its version prove nothing, and some managed servers answer with a
process id of their own on a session that is not shared. So two connections run short transactions
by turns; where one gets the session of the other, the session is shared.
"""

from contextlib import closing

import psycopg

from pgcutover.connect.pinned import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ServerError

_ROUNDS = 5
_POOL_IS_FULL = "query_wait_timeout"  # PgBouncer's own error, under the SQLSTATE of many others
_REMEDY = "connect to the server itself or to a pooler in session mode"


def refuse_pooler(connection: Connection, dsn: str) -> None:
    """Raise ServerError where the connection shares its server session; nothing is set before."""
    first = _backend(connection)
    if first == connection.info.backend_pid:
        return
    with closing(connect(dsn)) as other:
        if _is_shared(connection, other, first):
            raise ServerError(
                "the address leads to a pooler in transaction mode, which shares server sessions "
                "between clients; pg_dump and snapshots need a session of their own; "
                f"{_REMEDY}"
            )


def _is_shared(connection: Connection, other: Connection, first: int) -> bool:
    ours, others = {first}, {_backend(other)}
    for _ in range(_ROUNDS):
        ours.add(_backend(connection))
        others.add(_backend(other))
    return len(ours) > 1 or len(others) > 1 or bool(ours & others)


def connect(dsn: str, *, read_only: bool = True, autocommit: bool = False) -> Connection:
    """Open a connection without pinned settings and without prepared statements.

    Its application name is a pinned setting: PgBouncer leaves one that a client starts with on the
    server session.
    """
    connection = Connection.connect(
        dsn, autocommit=autocommit, prepare_threshold=None, application_name=""
    )
    connection.read_only = read_only
    return connection


def _backend(connection: Connection) -> int:
    """Return the process id of the server session in a transaction of its own."""
    try:
        # in autocommit mode too, a pooler shares only between transactions
        with connection.transaction():
            row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    except psycopg.Error as error:
        raise ServerError(
            f"a transaction cannot begin: {describe_error(error)}; {_explain(error)}"
        ) from error
    return int(row[0]) if row else 0


def _explain(error: psycopg.Error) -> str:
    if _POOL_IS_FULL in str(error):
        return (
            "every session of the pooler's pool was in use until its query_wait_timeout; allow "
            "more sessions in this pool, or connect to the server itself"
        )
    return f"a pooler in statement mode refuses transactions; {_REMEDY}"
