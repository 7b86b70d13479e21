"""The way to a server: a pooler or proxy in front of it, and replication connections through it."""

from contextlib import closing

import psycopg

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.readiness.situation import Situation

_CONNECT_SECONDS = 10
_BACKEND = "select pg_backend_pid()"
# RDS grants the right by membership
_MAY_REPLICATE = """
select exists (
    select from pg_roles r
    where case when r.rolname = %(role)s then r.rolsuper or r.rolreplication
               when r.rolname = 'rds_replication' then pg_has_role(%(role)s, r.oid, 'member') end)
"""


def judge_pooler(found: Situation, side: str, connection: Connection) -> None:
    """Warn where the protocol names another session than the server does.

    Poolers that share a session between transactions are refused when a connection is opened.
    """
    ((backend,),) = connection.execute(_BACKEND).fetchall()
    if backend != connection.info.backend_pid:
        found.warnings.append(
            f"a pooler or proxy stands in front of the {side}: the connection names process "
            f"{connection.info.backend_pid}, and the server {backend}; name the server itself in "
            "the DSNs and in the mover's endpoint, because sessions that a pooler ends lose "
            "snapshots, locks and replication streams"
        )


def judge_replication(
    found: Situation, side: str, connection: Connection, dsn: str, *, is_needed: bool
) -> None:
    """Check that a replication connection reaches the server.

    Where the role of the DSN may not open one, that is a problem only if the connection is needed.
    """
    try:
        with closing(_connect(dsn)):
            found.facts[f"replication_{side}"] = "accepted"
            return
    except psycopg.OperationalError as error:
        role = error.pgconn.user.decode() if error.pgconn else ""
        words = describe_error(error)
    if connection.execute(_MAY_REPLICATE.encode(), {"role": role}).fetchone() == (True,):
        reason = f"{words}; name the server itself, free a WAL sender, or correct its pg_hba.conf"
    elif is_needed:
        reason = f"role {role} lacks the right; run there: alter role {role} replication"
        reason += " (on RDS: grant rds_replication)"
    else:
        found.facts[f"replication_{side}"] = f"role {role} may not replicate"
        return
    found.add(
        side,
        "no replication connection",
        f"the {side} refuses a replication connection, by which changes are streamed: {reason}",
        fails=is_needed,
    )


def _connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        dsn,
        replication="database",
        autocommit=True,
        application_name="pgcutover",
        connect_timeout=_CONNECT_SECONDS,
    )
