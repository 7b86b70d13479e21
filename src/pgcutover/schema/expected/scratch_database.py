"""A database to try a schema in, on a server of the target's major, thrown away afterwards."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgcutover.connect import Connection, open_owner, open_session
from pgcutover.embedded.server import ServerSpec, servers
from pgcutover.error_texts.database_errors import describe_error, explain_error
from pgcutover.errors import ConfigError, ServerError

Say = Callable[[str], None]

_PREFIX = "pgcutover_scratch_"
# any number will do; it must be the same for every run on one server
_LOCK = 7_204_611_335_170_043
_SETTINGS = {"max_locks_per_transaction": "2048"}  # thousands of tables in one transaction
_LEFT = """
select d.datname, shobj_description(d.oid, 'pg_database') from pg_database d
where d.datname ~ '^pgcutover_scratch_[0-9a-f]{12}$'
"""


@contextmanager
def scratch_database(
    major: int, name: str, encoding: str, dsn: str | None, say: Say
) -> Iterator[str]:
    """The superuser's DSN of an empty database, on an embedded server or on the one named.

    On a named server the database has a random name of its own; in the end it is dropped, with the
    roles that `remember_roles` was told, and so is what a killed run has left there. Runs on one
    named server wait for each other. ServerError where there is no server, ConfigError where it is
    of another major.
    """
    if dsn is None:
        say(f"building the expected schema on a scratch PostgreSQL {major} server")
        spec = ServerSpec("scratch", major, _SETTINGS)
        with servers([spec], progress=_installation(say)) as running:
            own = running["scratch"].dsn()
            if name != "postgres":
                with closing(connect(own)) as connection:
                    _create(connection, name, encoding)
            yield make_conninfo(own, dbname=name)
        return
    with closing(connect(dsn)) as connection, closing(_lock_server(dsn, say)):
        _refuse_another_major(connection, major)
        _throw_away(connection)
        own = _PREFIX + uuid4().hex[:12]
        try:
            _create(connection, own, encoding)
            yield make_conninfo(dsn, dbname=own)
        finally:
            _throw_away(connection)


def connect(dsn: str) -> Connection:
    """A session in autocommit mode; ServerError where the scratch server cannot be reached."""
    # names come as bytes from a database of SQL_ASCII, where roles could not be told apart
    pinned = make_conninfo(dsn, client_encoding="UTF8")
    try:
        return open_owner(pinned)
    except psycopg.Error as error:
        raise ServerError(
            f"the scratch server cannot be reached: {describe_error(error)}; check "
            "schema.scratch_dsn_env"
        ) from error
    except ServerError as error:
        raise ServerError(f"the scratch server: {error}; check schema.scratch_dsn_env") from error


def remember_roles(connection: Connection, names: Iterable[str]) -> None:
    """That these roles go with the session's scratch database, whoever has to clear up."""
    kept = set(_remembered(connection)) | set(names)
    connection.execute(
        sql.SQL("comment on database {} is {}").format(
            sql.Identifier(connection.info.dbname), sql.Literal(json.dumps(sorted(kept)))
        )
    )


def _remembered(connection: Connection) -> list[str]:
    row = connection.execute(
        "select shobj_description(oid, 'pg_database') from pg_database"
        " where datname = current_database()"
    ).fetchone()
    return json.loads(str(row[0])) if row and row[0] else []


def _installation(say: Say) -> Say:
    """Report an installation, and not the port of a server that no one else connects to."""
    return lambda line: None if "listens on port" in line else say(line)


def _create(connection: Connection, name: str, encoding: str) -> None:
    # only UTF8 is sure to go with the locale that the server has; C goes with every encoding
    locale = sql.SQL("" if encoding == "UTF8" else "lc_collate 'C' lc_ctype 'C'")
    create = sql.SQL("create database {} template template0 encoding {} {}")
    _run(connection, create.format(sql.Identifier(name), sql.Literal(encoding), locale))


def _refuse_another_major(connection: Connection, major: int) -> None:
    found = connection.info.server_version // 10_000
    if found != major:
        raise ConfigError(
            f"schema.scratch_dsn_env: expected a server of the target's major {major}, found "
            f"{found}; what it prints could not be compared with the target"
        )


def _lock_server(dsn: str, say: Say) -> Connection:
    """Return a connection whose open transaction holds the server's lock until it is closed."""
    connection = open_session(
        dsn, lock_timeout_seconds=0, isolation_level=psycopg.IsolationLevel.READ_COMMITTED
    )
    if connection.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() != (True,):
        say("another run uses the scratch server; waiting until it has ended")
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
    return connection


def _throw_away(connection: Connection) -> None:
    """Every scratch database and its roles: whoever holds the lock is alone with them."""
    for name, comment in connection.execute(_LEFT.encode()).fetchall():
        database = sql.Identifier(str(name))
        _run(connection, sql.SQL("drop database if exists {} with (force)").format(database))
        for role in json.loads(str(comment)) if comment else ():
            _run(connection, sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


def _run(connection: Connection, statement: sql.Composed) -> None:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        raise ServerError(f"the scratch server refuses: {explain_error(error)}") from error
