"""Snapshots of a server over the run, which show how long rows and the database are unmodified.

A row version whose transaction had ended before an earlier snapshot was the same then (PostgreSQL
17, 5.6 "System Columns"). A database in which no transaction ended between two snapshots, and in
which none that has a transaction id is running, was not written to between them: every transaction
that writes has an id, holds a lock on it until its end, and advances the snapshot's xmax when it
ends. A standby reports neither reliably, so nothing is concluded from it.

The server's last checkpoint is an observation from before the run: it recorded the next transaction
id and the oldest running one (PostgreSQL 17, 9.28.7 "Control Data Functions").
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
_MAY_READ_CHECKPOINT = sql.SQL(
    "select has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute')"
).format()
_CHECKPOINT = sql.SQL(
    "select next_xid, oldest_active_xid::text, extract(epoch from checkpoint_time)::float8"
    " from pg_control_checkpoint()"
).format()
# its time is whole seconds, and is read just before its transaction ids
_CHECKPOINT_SECONDS = 2
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
        self._checkpoint_read = False

    def observe(self, side: TableSide) -> None:
        """Add the current snapshot of the side, after that of the last checkpoint."""
        if not self._checkpoint_read:
            self._checkpoint_read = True
            self._observe_checkpoint(side)
        (row,) = side.fetch(_OBSERVE)
        snapshot, read_at, self._is_standby, self._has_writer = row
        self._observations.append(Observation(snapshot, read_at))

    def _observe_checkpoint(self, side: TableSide) -> None:
        """Add the last checkpoint before the run, if no transaction was running then."""
        if side.fetch(_MAY_READ_CHECKPOINT) != [(True,)]:
            return
        ((following, oldest, time),) = side.fetch(_CHECKPOINT)
        found = checkpoint_observation(following, oldest, time)
        first = self._observations[0].read_at if self._observations else float("inf")
        if found is not None and found.read_at < first:
            self._observations.insert(0, found)

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


def checkpoint_observation(next_xid: str, oldest_active: str, time: float) -> Observation | None:
    """Return what a checkpoint shows; None if a transaction was running or that is unknown.

    `next_xid` is `epoch:xid`; `oldest_active` is 0 after a shutdown and with wal_level = minimal.
    """
    epoch, xid = map(int, next_xid.split(":"))
    if int(oldest_active) != xid:
        return None
    following = epoch * _XIDS + xid
    return Observation(f"{following}:{following}:", time + _CHECKPOINT_SECONDS)


def precedes(xid: int, limit: int) -> bool:
    """Return whether a row's 32-bit transaction id is before a 64-bit one; false if unsure."""
    return xid < _FIRST_NORMAL_XID or 0 < (limit - xid) % _XIDS < _XIDS // 2
