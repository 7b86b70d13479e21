"""A database to try a schema in, on a server of the target's major, thrown away afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgcutover.embedded.server import ServerSpec, servers
from pgcutover.errors import ConfigError, ServerError
from pgcutover.redact import describe_error


@contextmanager
def scratch_database(
    major: int, name: str, encoding: str, dsn: str | None, say: Callable[[str], None]
) -> Iterator[str]:
    """The superuser's DSN of an empty database, on an embedded server or on the one named.

    On a named server the database has a random name of its own; it alone is dropped in the end.
    ServerError where there is no server, ConfigError where it is of another major.
    """
    if dsn is None:
        say(f"the expected schema is tried out on a scratch server of PostgreSQL {major}")
        with servers([ServerSpec("scratch", major)], progress=_unsaid) as running:
            yield _created(running["scratch"].dsn(), name, encoding)
        return
    _refuse_another_major(dsn, major)
    own = f"pgcutover_scratch_{uuid4().hex[:12]}"
    try:
        yield _created(dsn, own, encoding)
    finally:
        _run(dsn, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(own)))


def _unsaid(_: str) -> None:
    """Where a server listens that nobody else will see."""


def _created(dsn: str, name: str, encoding: str) -> str:
    create = sql.SQL("create database {} template template0 encoding {}").format(
        sql.Identifier(name), sql.Literal(encoding)
    )
    if name != "postgres":
        _run(dsn, create)
    return make_conninfo(dsn, dbname=name)


def _refuse_another_major(dsn: str, major: int) -> None:
    with _connected(dsn) as connection:
        found = connection.info.server_version // 10_000
    if found != major:
        raise ConfigError(
            f"schema.scratch_dsn_env: expected a server of the target's major {major}, found "
            f"{found}; what it prints could not be compared with the target"
        )


def _run(dsn: str, statement: sql.Composed) -> None:
    with _connected(dsn) as connection:
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            raise ServerError(f"the scratch server refuses: {describe_error(error)}") from error


def _connected(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(dsn, autocommit=True, application_name="pgcutover")
    except psycopg.Error as error:
        raise ServerError(
            f"the scratch server cannot be reached: {describe_error(error)}; check "
            "schema.scratch_dsn_env"
        ) from error
