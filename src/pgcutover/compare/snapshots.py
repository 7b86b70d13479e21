"""The snapshot in which a side is being read: what binds a comparison to the change ledger."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from pgcutover.connect import Connection
from pgcutover.mapping import MappedTable
from pgcutover.sides import Sides

# txid_current_snapshot() instead of pg_current_snapshot(), which PostgreSQL 13 introduced
_TAKEN = (
    "select txid_current_snapshot()::text, pg_is_in_recovery(),"
    " (select system_identifier::text from pg_control_system()), current_database()::text"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot as `xmin:xmax:running`, and the server that it was taken on.

    A standby's snapshot may list no running transactions, so it proves nothing about them.
    """

    snapshot: str
    in_recovery: bool
    system_identifier: str
    database: str


def read_snapshot(connection: Connection) -> Taken:
    """Return the snapshot of the connection's transaction, which is REPEATABLE READ."""
    row = connection.execute(_TAKEN).fetchone() or ()
    return Taken(*row)


@dataclass(frozen=True, slots=True)
class ReadIn:
    """The oldest and the newest snapshots that rows of a table were read in.

    `mark` is what the log returned for the oldest ones.
    """

    first: Sides[Taken]
    last: Sides[Taken]
    mark: Any = field(default=None, repr=False)

    @property
    def facts(self) -> dict[str, list[str]]:
        """Return the snapshots of each side as reports show them."""
        source, target = (
            [first.snapshot, last.snapshot]
            for first, last in zip(self.first, self.last, strict=True)
        )
        return {"source": source, "target": target}


@dataclass(frozen=True, slots=True)
class RecheckedKeys:
    """The keys that differed when a table was scanned, and are on a side in snapshots after it.

    Keys that are on neither side in these snapshots are not named: they are equal.
    """

    keys: frozenset[tuple[str, ...]]
    taken: Sides[Taken] | None


class ComparisonLog(Protocol):
    """Keeps the comparisons that found a whole table equal."""

    def mark(self, table: MappedTable, connections: Sides[Connection]) -> Any:
        """Return what has to be known about the table in the snapshots of both connections."""

    def record(self, table: MappedTable, read_in: ReadIn | None, rechecked: RecheckedKeys) -> None:
        """Keep a comparison."""
