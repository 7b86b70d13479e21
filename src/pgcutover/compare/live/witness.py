"""Older snapshots of the source, which show that a key was missing there some time ago already.

A deletion leaves no version that can be read, so nothing else tells how long ago it was. The
snapshots hold back the source's oldest transaction id; each lasts `keep_seconds` at most. The
server ends one that is forgotten, while the run is busy with a large table, for example.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

import psycopg

from pgcutover.compare.differences.counts import SuspectKey
from pgcutover.compare.differences.row_sample import fetch_versions
from pgcutover.compare.plan.model import TableComparison
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.errors import PgCutoverError

_END_WHEN_IDLE = "select set_config('idle_in_transaction_session_timeout', %s, true)"


@dataclass(slots=True)
class Witness:
    """One older snapshot of the source."""

    session: SideSession
    opened_at: float
    is_open: bool = True

    @property
    def age_seconds(self) -> float:
        """The age of the snapshot, at least."""
        return monotonic() - self.opened_at

    def absent(self, comparison: TableComparison, suspects: Sequence[SuspectKey]) -> set[int]:
        """Return the keys that the source did not have then; none where the snapshot is lost."""
        if not self.is_open or not suspects:
            return set()
        side = replace(comparison.sides.source, session=self.session)
        try:
            found = fetch_versions(side, comparison.key_domain, suspects)
        except PgCutoverError:
            self.close()
            return set()
        return {s.key for s in suspects} - found.keys()

    def close(self) -> None:
        """End the snapshot."""
        self.is_open = False
        self.session.close()


@dataclass(slots=True)
class Witnesses:
    """The older snapshots of one source, shared by the rechecks of all tables."""

    dsn: str = field(repr=False)
    keep_seconds: float
    _witnesses: list[Witness] = field(default_factory=list)

    def renew(self) -> Witness | None:
        """Return the newest snapshot; open one where the newest is getting old."""
        self._close_old()
        newest = self._witnesses[-1] if self._witnesses else None
        if newest is None or newest.age_seconds > self.keep_seconds / 2:
            newest = self._open() or newest
        return newest

    def absent(
        self,
        comparison: TableComparison,
        suspects: Iterable[SuspectKey],
        seconds: float,
    ) -> set[int]:
        """Return the keys that the source did not have so many seconds ago."""
        self._close_old()
        old = [each for each in self._witnesses if each.age_seconds >= seconds]
        if not old:
            return set()
        self.renew()
        return old[-1].absent(comparison, list(suspects))

    def close(self) -> None:
        """End all snapshots."""
        for each in self._witnesses:
            each.close()
        self._witnesses.clear()

    def _open(self) -> Witness | None:
        """Open a snapshot; None where the source allows no more connections."""
        session = SideSession("source", self.dsn)
        try:
            connection = session.snapshot()
            connection.execute(_END_WHEN_IDLE, [f"{max(1, int(self.keep_seconds * 1000))}ms"])
        except (PgCutoverError, psycopg.Error):
            session.close()
            return None
        self._witnesses.append(Witness(session, monotonic()))
        return self._witnesses[-1]

    def _close_old(self) -> None:
        for each in self._witnesses:
            if each.age_seconds > self.keep_seconds:
                each.close()
        self._witnesses = [each for each in self._witnesses if each.is_open]
