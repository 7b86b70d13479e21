"""Reads a database's schema in one transaction, with one query for each kind."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from pgcutover.connect import Connection
from pgcutover.connect.locks import find_locked
from pgcutover.error_texts.database_errors import explain_error, unreadable
from pgcutover.mapping import RelationName
from pgcutover.schema.kinds import KINDS, Kind
from pgcutover.schema.objects import SchemaObject, Snapshot

_RECURSIVE = "with recursive"
_SHORT_WAIT = "set local lock_timeout to '200ms'"
_OID_IS_A_COLUMN = 120000


def collect_snapshot(connection: Connection, kinds: tuple[Kind, ...] = KINDS) -> Snapshot:
    """Return the schema in the session's snapshot, and the kinds that the role may not read.

    `connection` is pinned and inside a repeatable-read transaction (`connect.open_session`). A kind
    whose query waits in vain for a lock is read without the relations that are locked.
    """
    version = connection.info.server_version
    reader = _Reader(connection)
    readable = [kind for kind in kinds if version >= kind.since]
    for kind in readable:
        reader.read(kind)
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    return Snapshot(
        connection.info.dbname,
        version,
        taken_at,
        tuple(reader.objects),
        reader.unread,
        reader.locked,
        tuple(kind.name for kind in readable),
        own_role(connection),
    )


@dataclass(slots=True)
class _Reader:
    """Reads kinds one by one; after one lock timeout the others wait a short time only."""

    connection: Connection
    objects: list[SchemaObject] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    locked: dict[str, dict[str, str]] = field(default_factory=dict)
    cause: str = ""

    def read(self, kind: Kind) -> None:
        """Read the objects of a kind."""
        try:
            self.objects += _read(self.connection, kind.name, kind.query)
        except psycopg.errors.InsufficientPrivilege as error:
            self.unread[kind.name] = explain_error(error)
        except psycopg.errors.LockNotAvailable as error:
            self._read_unlocked(kind, error)

    def _read_unlocked(self, kind: Kind, error: psycopg.errors.LockNotAvailable) -> None:
        """Read the objects of the relations that are not locked."""
        if not self.cause:
            self.cause = str(unreadable("", "", error))
            self.connection.execute(_SHORT_WAIT)
        relations = find_locked(self.connection)
        version = self.connection.info.server_version
        query = _leave_out(kind.query, [each.oid for each in relations], version)
        try:
            self.objects += _read(self.connection, kind.name, query)
            self.locked[kind.name] = {each.name: self.cause for each in relations}
        except psycopg.errors.LockNotAvailable:
            self.unread[kind.name] = self.cause


def _leave_out(query: str, oids: Collection[int], server_version: int) -> str:
    """Return the query with a pg_class of its own that lacks some relations.

    The functions that print definitions lock the relations that they name.
    """
    columns = "*" if server_version >= _OID_IS_A_COLUMN else "oid, *"
    left_out = ", ".join(map(str, oids))
    catalog = (
        f"pg_class as (select {columns} from pg_catalog.pg_class"  # noqa: S608 - oids
        f" where oid <> all ('{{{left_out}}}'::oid[]))"
    )
    body = query.strip()
    if body.startswith(_RECURSIVE):
        return f"{_RECURSIVE} {catalog}, {body.removeprefix(_RECURSIVE)}"
    return f"with {catalog} {body}"


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


def _read(connection: Connection, kind: str, query: str) -> list[SchemaObject]:
    try:
        with connection.transaction():  # a savepoint, so that later queries still run
            return [SchemaObject(kind, *row) for row in connection.execute(query.encode())]
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable):
        raise
    except psycopg.Error as error:
        raise unreadable("", f"{kind} objects", error) from error
