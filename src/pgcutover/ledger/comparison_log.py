"""Takes the gate's comparisons into the ledger: the engine's `ComparisonLog`."""

from pgcutover.compare.snapshots import ReadIn, RecheckedKeys
from pgcutover.connect import Connection
from pgcutover.errors import UnreadableError
from pgcutover.ledger.coverage import record_comparison
from pgcutover.ledger.model import Compared
from pgcutover.ledger.reading.changes import key_text
from pgcutover.ledger.store import Store
from pgcutover.ledger.tables import read_fingerprint
from pgcutover.mapping import MappedTable
from pgcutover.sides import Sides


class LedgerLog:
    """Keeps each table that compared equal, with its definition in the same snapshots.

    The reason why a comparison could not be used is noted for `pgcutover ledger status`.
    """

    def __init__(self, store: Store, publication: str) -> None:
        """Write into an open store, of this or another process."""
        self._store, self._publication = store, publication

    def mark(self, table: MappedTable, connections: Sides[Connection]) -> Sides[str]:
        """Return the definition of the table in the snapshots of both connections."""
        names = Sides(table.source, table.target)
        return connections.combine(
            names, lambda connection, name: read_fingerprint(connection, name, self._publication)
        )

    def record(self, table: MappedTable, read_in: ReadIn | None, rechecked: RecheckedKeys) -> None:
        """Record a comparison that found the table equal."""
        if read_in is None:
            return
        suspects = frozenset(key_text(key) for key in rechecked.keys)
        last = rechecked.taken or read_in.last
        compared = Compared(str(table), read_in.first, last, suspects)
        try:
            reason = record_comparison(self._store, compared, read_in.mark)
        except UnreadableError as error:  # the rows are equal all the same
            reason = f"{table}: {error}"
        if reason:
            self._store.set_note(reason)
