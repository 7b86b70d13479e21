"""Fences that have passed, with what is known of both sides from before each.

A row that neither side has modified since before a fence need not wait for another one: what the
fence proves of the rows of one table holds for those of all others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pgcutover.compare.differences.counts import SuspectKey
from pgcutover.compare.differences.row_sample import Versions
from pgcutover.compare.live.witness import Witness, Witnesses
from pgcutover.compare.live.write_history import WriteHistory, precedes
from pgcutover.compare.plan.model import TableComparison
from pgcutover.sides import Sides

_KEPT = 4


@dataclass(frozen=True, slots=True)
class Before:
    """Before a fence: the id below which transactions had ended, by side, and the snapshot."""

    xids: Sides[int]
    witness: Witness | None


@dataclass(slots=True)
class PassedFences:
    """The last fences that have passed, for the rechecks of all tables."""

    witnesses: Witnesses
    _passed: list[Before] = field(default_factory=list)

    def note(self, histories: Sides[WriteHistory], *, with_witness: bool) -> Before | None:
        """Return what is known before a fence; None on a standby. Ask for it before the fence."""
        xids = histories.map(lambda history: history.oldest_xid)
        if xids.source is None or xids.target is None:
            return None
        witness = self.witnesses.renew() if with_witness else None
        return Before(Sides(xids.source, xids.target), witness)

    def add(self, before: Before | None) -> None:
        """Record that the fence has passed."""
        self._passed = [*self._passed, *([before] if before else [])][-_KEPT:]

    def confirmations(
        self,
        comparison: TableComparison,
        suspects: Iterable[SuspectKey],
        source: Mapping[int, Versions],
        target: Mapping[int, Versions],
    ) -> list[int]:
        """Return each key as often as a passed fence confirms its difference.

        The keys must identify rows: of equal rows one may be deleted without a trace. A row of
        the source that is as it was before the fence, or was missing already, should be the same
        on the target; one that only the target has must be as it was before the fence, too.
        """
        if not all(s.table.key and not s.table.key_may_be_null for s in comparison.sides):
            return []
        found: list[int] = []
        known = list(suspects)
        for before in self._passed:
            old = [s for s in known if _all_precede(source.get(s.key), before.xids.source)]
            found += [s.key for s in old if s.key in source]
            extra = [s for s in old if s.key not in source]
            extra = [s for s in extra if _all_precede(target.get(s.key), before.xids.target)]
            if before.witness:
                found += before.witness.absent(comparison, extra)
        return found


def _all_precede(versions: Versions | None, limit: int) -> bool:
    return all(precedes(xid, limit) for _, xid in versions or ())
