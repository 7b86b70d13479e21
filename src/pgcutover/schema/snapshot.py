"""Reads a database's schema in one transaction, with one query for each kind."""

from collections.abc import Collection
from datetime import UTC, datetime

import psycopg

from pgcutover.connect import Connection
from pgcutover.database_errors import describe_error, unreadable
from pgcutover.mapping import RelationName
from pgcutover.schema.kinds import KINDS, Kind
from pgcutover.schema.objects import SchemaObject, Snapshot


def take(connection: Connection, kinds: tuple[Kind, ...] = KINDS) -> Snapshot:
    """Return the schema in the session's snapshot, and the kinds that the role may not read.

    `connection` is pinned and inside a repeatable-read transaction (`connect.open_session`).
    """
    version = connection.info.server_version
    objects: list[SchemaObject] = []
    unread: dict[str, str] = {}
    readable = [kind for kind in kinds if version >= kind.since]
    for kind in readable:
        try:
            objects += _read(connection, kind)
        except psycopg.errors.InsufficientPrivilege as error:
            unread[kind.name] = describe_error(error)
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    queried = tuple(kind.name for kind in readable)
    database, role = connection.info.dbname, own_role(connection)
    return Snapshot(database, version, taken_at, tuple(objects), unread, queried, role)


def own_role(connection: Connection) -> str:
    """Return the session's current role, quoted for SQL."""
    row = connection.execute("select quote_ident(current_user)").fetchone()
    return str(row[0]) if row else ""


def quoted(connection: Connection, names: Collection[RelationName]) -> tuple[str, ...]:
    """Return relation names quoted for SQL, as names of objects are."""
    rows = connection.execute(
        "select format('%%I.%%I', s, r) from unnest(%s::text[], %s::text[]) n (s, r)",
        [[n.schema for n in names], [n.name for n in names]],
    )
    return tuple(str(name) for (name,) in rows)


def _read(connection: Connection, kind: Kind) -> list[SchemaObject]:
    try:
        with connection.transaction():  # a savepoint, so that later queries still run
            return [
                SchemaObject(kind.name, *row) for row in connection.execute(kind.query.encode())
            ]
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error as error:
        raise unreadable("", f"{kind.name} objects", error) from error
