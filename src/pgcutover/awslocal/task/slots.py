"""The logical slot and the publications of a task on its source."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from psycopg import sql

from pgcutover.awslocal.mapping.catalog import SourceTable
from pgcutover.awslocal.mapping.table_plan import quoted
from pgcutover.awslocal.task.endpoint_connection import Connection, EndpointAddress
from pgcutover.awslocal.task.errors import TaskFailed
from pgcutover.pgoutput.messages import format_lsn, parse_lsn


@dataclass(frozen=True, slots=True)
class SlotNames:
    """The names of a task's objects on the source.

    `is_given`: the slot is that of the endpoint's SlotName, which DMS neither creates nor drops.
    """

    slot: str
    changes: str
    inserts: str
    is_given: bool = False

    @property
    def plugin(self) -> str:
        """Return the slot's output plugin."""
        return "test_decoding" if self.is_given else "pgoutput"

    @classmethod
    def of_task(cls, resource_id: str, given: str = "") -> "SlotNames":
        """Return names that are unique to this task, with the slot that its endpoint gives."""
        base = f"awsdms_{resource_id.lower().replace('-', '_')}"
        return cls(given or base, f"{base}_changes", f"{base}_inserts", bool(given))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that contains exactly the transactions committed before `lsn`."""

    name: str
    lsn: int


def publish(connection: Connection, names: SlotNames, tables: Sequence[SourceTable]) -> None:
    """Publish exactly these tables.

    PostgreSQL refuses updates of a published table without replica identity, which would break
    the application. Such tables are published for inserts only, as pglogical's second replication
    set does under DMS.
    """
    logged = [table for table in tables if table.persistence == "p" and table.kind == "r"]
    identified = [table for table in logged if has_identity(table)]
    others = [table for table in logged if not has_identity(table)]
    _publication(connection, names.changes, "insert, update, delete, truncate", identified)
    _publication(connection, names.inserts, "insert, truncate", others)


def has_identity(table: SourceTable) -> bool:
    """Return whether the WAL identifies the row of an update or delete of this table."""
    return table.replica_identity in ("f", "i") or (
        table.replica_identity == "d" and bool(table.key)
    )


def _publication(
    connection: Connection, name: str, actions: str, tables: Sequence[SourceTable]
) -> None:
    publication = sql.Identifier(name)
    exists = connection.execute("select from pg_publication where pubname = %s", (name,)).fetchone()
    if exists is None:
        connection.execute(
            sql.SQL("create publication {} with (publish = {})").format(publication, actions)
        )
    members = sql.SQL(", ").join(sql.SQL("only {}").format(quoted(t.name)) for t in tables)
    if tables:
        connection.execute(
            sql.SQL("alter publication {} set table {}").format(publication, members)
        )


@contextmanager
def slot_with_snapshot(
    place: EndpointAddress, slot: str, temporary: bool, opened: Callable[[Connection], None]
) -> Iterator[Snapshot]:
    """Create the slot; its snapshot can be imported during the block.

    Only the replication protocol exports a slot's snapshot, and only while the session is idle.
    """
    with place.connect(replication="database") as connection:
        opened(connection)
        # the replication grammar accepts upper-case keywords only
        statement = sql.SQL("CREATE_REPLICATION_SLOT {} {} LOGICAL pgoutput EXPORT_SNAPSHOT")
        kind = sql.SQL("TEMPORARY" if temporary else "")
        row = connection.execute(statement.format(sql.Identifier(slot), kind)).fetchone()
        if row is None:
            raise TaskFailed(f"creating slot {slot} gave no answer")
        yield Snapshot(str(row[2]), parse_lsn(row[1]))


def require_slot(connection: Connection, names: SlotNames) -> None:
    """Raise TaskFailed if the slot is missing, lost its WAL, or has another plugin."""
    slot = names.slot
    row = connection.execute(
        "select plugin, database = current_database(), to_jsonb(s) ->> 'wal_status'"
        " from pg_replication_slots as s where slot_name = %s",
        (slot,),
    ).fetchone()
    if row is None:
        raise TaskFailed(f"replication slot {slot} does not exist on the source; changes are lost")
    if row[0] != names.plugin or not row[1]:
        raise TaskFailed(
            f"slot {slot} is not a {names.plugin} slot of this database (plugin {row[0]})"
        )
    if row[2] == "lost":
        raise TaskFailed(f"replication slot {slot} lost the WAL it needs; changes are lost")


def flushed_lsn(connection: Connection) -> int:
    """Return the source's flushed WAL position, which limits decoding."""
    row = connection.execute("select pg_current_wal_flush_lsn()::text").fetchone()
    return parse_lsn(row[0]) if row else 0


def advance(connection: Connection, slot: str, lsn: int) -> None:
    """Advance the slot past the applied changes."""
    connection.execute(
        "select pg_replication_slot_advance(slot_name, greatest(%s::pg_lsn, confirmed_flush_lsn))"
        " from pg_replication_slots where slot_name = %s and confirmed_flush_lsn < %s::pg_lsn",
        (format_lsn(lsn), slot, format_lsn(lsn)),
    )


def temporary_snapshot(
    place: EndpointAddress, names: SlotNames, opened: Callable[[Connection], None]
) -> AbstractContextManager[Snapshot]:
    """Export a snapshot with a known position, from a slot that is dropped after the block."""
    return slot_with_snapshot(place, f"{names.slot[:54]}_load", True, opened)


def drop_slot(connection: Connection, names: SlotNames) -> None:
    """Drop the task's slot, if it exists; one that was given stays."""
    if names.is_given:
        return
    connection.execute(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
        (names.slot,),
    )


def drop(connection: Connection, names: SlotNames) -> None:
    """Drop the objects that the task created on the source."""
    drop_slot(connection, names)
    for publication in (names.changes, names.inserts):
        connection.execute(
            sql.SQL("drop publication if exists {}").format(sql.Identifier(publication))
        )
