"""The id below which the outbox has no entry and can get none: where a poll begins.

Deleted entries stay in the index until vacuum. An id is drawn before its transaction commits, so a
lower id can appear after a higher one. Ids drawn until a moment can appear until all transactions
of that moment have ended. A trigger draws its id when its transaction has an xid, since a row was
written before; so read the sequence first and the snapshot in a later statement.
"""

from pgcutover.connect import Connection
from pgcutover.outbox.model import BARRIER

_DRAWN = "select case when is_called then last_value else 0 end from pgcutover.outbox_id_seq"
_SNAPSHOT = """select txid_snapshot_xmin(s), txid_snapshot_xmax(s)
from (select txid_current_snapshot() s) x"""
_FIRST = """
select min(e.id) from generate_series(0, %s) b cross join lateral (
    select o.id from pgcutover.outbox o where o.bucket = b and o.id >= %s order by o.id limit 1) e
"""


class Floor:
    """The floor of one process; 0 when it starts, and never written anywhere."""

    def __init__(self) -> None:
        """Begin at the first id."""
        self.id = 0
        self._drawn: int | None = None
        self._xmax = 0

    def advance(self, connection: Connection) -> None:
        """Raise the floor if all transactions of the remembered moment have ended.

        In a transaction with READ COMMITTED: each statement has a snapshot of its own.
        """
        if self._drawn is None:
            row = connection.execute(_DRAWN.encode()).fetchone()
            self._drawn = int(row[0]) if row else 0
            self._xmax = self._snapshot(connection)[1]
        elif self._snapshot(connection)[0] >= self._xmax:
            first = connection.execute(_FIRST.encode(), [BARRIER, self.id]).fetchone()
            ended = self._drawn + 1
            self.id = ended if not first or first[0] is None else min(ended, int(first[0]))
            self._drawn = None

    @staticmethod
    def _snapshot(connection: Connection) -> tuple[int, int]:
        row = connection.execute(_SNAPSHOT.encode()).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)
