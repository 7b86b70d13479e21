"""Roles on the scratch server, so that owners and grants can be given as on the real one."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.schema.expected.scratch_database import remember_roles

ROLES = "select rolname from pg_roles where rolname !~ '^pg_'"


def create_missing_roles(connection: Connection, wanted: Iterable[str]) -> None:
    """Make the roles that the server lacks; they go with the scratch database.

    They are superusers here, so that a script's `set role` works whatever the role lacks on an
    empty server; what each may do on the target is compared elsewhere.
    """
    missing = sorted(set(wanted) - _known(connection))
    remember_roles(connection, missing)
    for name in missing:
        connection.execute(sql.SQL("create role {} superuser nologin").format(sql.Identifier(name)))


def act_as(connection: Connection, role: str) -> None:
    """Make the role the owner of what the rest of the transaction creates."""
    connection.execute(sql.SQL("set local session authorization {}").format(sql.Identifier(role)))


@contextmanager
def track_new_roles(connection: Connection) -> Iterator[None]:
    """At the beginning of a transaction: the roles that it makes go with the scratch database.

    Only its own are taken for new, whatever others do on the server meanwhile.
    """
    connection.execute("set transaction isolation level repeatable read")
    before = _known(connection)
    yield
    connection.execute("reset role")
    connection.execute("reset session authorization")
    remember_roles(connection, _known(connection) - before)


def _known(connection: Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute(ROLES.encode()).fetchall()}
