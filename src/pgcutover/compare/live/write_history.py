"""Snapshots of a server over the run, which show how long rows and the database are unmodified.

A row version whose transaction had ended before an earlier snapshot was the same then (PostgreSQL
17, 5.6 "System Columns"). A database in which no transaction ended between two snapshots, and in
which none that has a transaction id is running, was not written to between them: every transaction
that writes has an id, holds a lock on it until its end, and advances the snapshot's xmax when it
ends. A standby reports neither reliably, so nothing is concluded from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.plan.model import TableSide

# txid_current_snapshot() instead of pg_current_snapshot(), which PostgreSQL 13 introduced
_OBSERVE = sql.SQL(
    "select txid_current_snapshot()::text, extract(epoch from clock_timestamp())::float8,"
    " pg_is_in_recovery(), exists (select from pg_locks"
    " where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted)"
).format()
_XIDS = 1 << 32
_FIRST_NORMAL_XID = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """A side's snapshot, as text `xmin:xmax:running`, when the server's clock showed `read_at`."""

    snapshot: str
    read_at: float

    @property
    def oldest_xid(self) -> int:
        """Return the transaction id before which every transaction had ended."""
        return int(self.snapshot.split(":")[0])

    @property
    def is_idle(self) -> bool:
        """Return whether no transaction of the snapshot was running."""
        oldest, following, running = self.snapshot.split(":")
        return oldest == following and not running


class WriteHistory:
    """Observations of one side; the last one belongs to the snapshot that is being read."""

    def __init__(self, snapshot: str, read_at: float) -> None:
        """Start with the snapshot that the manifest recorded for this side."""
        self._observations = [Observation(snapshot, read_at)] if snapshot else []
        self._is_standby = self._has_writer = True

    def observe(self, side: TableSide) -> None:
        """Add the current snapshot of the side."""
        (row,) = side.fetch(_OBSERVE)
        snapshot, read_at, self._is_standby, self._has_writer = row
        self._observations.append(Observation(snapshot, read_at))

    @property
    def oldest_xid(self) -> int | None:
        """Return the id before which all transactions had ended; None if unsure."""
        if self._is_standby or not self._observations:
            return None
        return self._observations[-1].oldest_xid

    def is_unmodified(self, xids: Iterable[int], seconds: float) -> bool:
        """Return whether rows of these transactions are the same since so many seconds."""
        earlier = self._earlier(seconds)
        return earlier is not None and all(precedes(x, earlier.oldest_xid) for x in xids)

    def is_quiet(self, seconds: float) -> bool:
        """Return whether nothing was written to the server since so many seconds."""
        earlier = self._earlier(seconds)
        if earlier is None or self._has_writer:
            return False
        now = self._observations[-1]
        return now.snapshot == earlier.snapshot and now.is_idle

    def _earlier(self, seconds: float) -> Observation | None:
        """Return the last observation that is at least so old, and drop those before it."""
        if self._is_standby or not self._observations:
            return None
        until = self._observations[-1].read_at - seconds
        old = [n for n, each in enumerate(self._observations) if each.read_at <= until]
        if not old:
            return None
        self._observations = self._observations[old[-1] :]
        return self._observations[0]


def precedes(xid: int, limit: int) -> bool:
    """Return whether a row's 32-bit transaction id is before a 64-bit one; false if unsure."""
    return xid < _FIRST_NORMAL_XID or 0 < (limit - xid) % _XIDS < _XIDS // 2
