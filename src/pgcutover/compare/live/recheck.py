"""Rechecks differing rows while the application writes and a mover follows.

One round reads the suspects on the source, waits for a fence, reads them on the target, and on the
source again, each in a new snapshot. Everything committed before the fence is on the target when
that is read, so the target shows the source as it was at some moment between the two readings.

- The target equals either reading of the source: the row was in flight, and has arrived.
- The source's row versions (`xmin`) are the same in both readings, so it had that value at every
  moment between, and the target does not have it: one confirmation. Values alone would not do, as
  one may change and change back.
- The source has no such row, and the target's row versions are those of the round before: the
  mover has not modified it since before the source was read, though the deletion has passed the
  fence: one confirmation.
- Anything else is still moving, and is rechecked.

A difference is CONFIRMED by two rounds. Where the fence cannot show that changes have passed,
nothing is confirmed; keys that still differ at the end are reported as such.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgcutover.compare.differences.counts import DifferenceCounts, Pair, RowHashes, SuspectKey
from pgcutover.compare.differences.row_sample import Versions, fetch_versions
from pgcutover.compare.differences.scan_result import ScanResult
from pgcutover.compare.differences.within_tolerance import (
    count_beyond_tolerance,
    keys_within_tolerance,
)
from pgcutover.compare.live.fence import Fence
from pgcutover.compare.plan.key_domain import KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide

CONFIRMATIONS = 2
WAITS = 3
_Waiting = Mapping[int, SuspectKey]


@dataclass(slots=True)
class RecheckResult:
    """The results of the suspects; `counts` are those that differ, confirmed or unproven.

    `unproven` keys were unmodified, but no fence passed; `moving` keys changed at every recheck.
    """

    equal: int = 0
    confirmed: int = 0
    unproven: int = 0
    moving: list[SuspectKey] = field(default_factory=list)
    rounds: int = 0
    counts: DifferenceCounts = field(default_factory=DifferenceCounts)


@dataclass(frozen=True, slots=True)
class _Round:
    """The suspects on the source, on the target after the fence, and on the source again."""

    passed: bool
    before: Mapping[int, Versions]
    target: Mapping[int, Versions]
    after: Mapping[int, Versions]

    def has_arrived(self, key: int) -> bool:
        """Return whether the target has a value that the source had or has."""
        found = _rows(self.target.get(key))
        return found in (_rows(self.before.get(key)), _rows(self.after.get(key)))

    def is_unmodified(self, key: int, last: "_Round | None") -> bool:
        """Return whether no change on the source since the fence explains the target's row."""
        if self.before.get(key):
            return self.before[key] == self.after.get(key)
        untouched = last is not None and last.target.get(key) == self.target.get(key)
        return untouched and not self.after.get(key)


def recheck_scan(
    result: ScanResult, rescan: Callable[[], ScanResult], fence: Fence, tries: int
) -> ScanResult:
    """Return the scan without differences that were only in flight.

    Only differing rows are read again, unless there are too many to keep.
    """
    first = result.counts.total
    rounds = 0
    while result.counts.total and result.counts.suspects is None and rounds < tries:
        rounds += 1
        fence.passes()
        result = rescan()
    suspects = result.counts.suspects
    if not suspects:
        return replace(result, in_flight=max(0, first - result.counts.total))
    checked = recheck(result.comparison, suspects, fence, tries)
    notes = {
        "fence": fence.name,
        "rounds": rounds + checked.rounds,
        "confirmed_keys": checked.confirmed,
        "unproven_keys": checked.unproven,
        "moving_keys": len(checked.moving),
    }
    return replace(
        result,
        counts=checked.counts,
        moving=tuple(checked.moving),
        in_flight=max(0, first - checked.counts.total - len(checked.moving)),
        notes={**result.notes, **notes},
    )


def recheck(
    comparison: TableComparison, suspects: Sequence[SuspectKey], fence: Fence, tries: int
) -> RecheckResult:
    """Recheck the suspects until each is equal or confirmed, in `tries` rounds at most."""
    result = RecheckResult()
    waiting = {s.key: s for s in suspects}
    times: Counter[int] = Counter()
    unmodified: set[int] = set()
    this: _Round | None = None
    while waiting and result.rounds < tries and not _is_vain(result, this, waiting, unmodified):
        result.rounds += 1
        last, this = this, _run_round(comparison, waiting, fence)
        equal = _find_equal(comparison, waiting, this)
        result.equal += len(equal)
        waiting = _without(waiting, equal)
        unmodified = {k for k in waiting if this.is_unmodified(k, last)}
        times.update(unmodified if this.passed else ())
        confirmed = {k for k in waiting if times[k] >= CONFIRMATIONS}
        result.confirmed += len(confirmed)
        _count(comparison, result.counts, [waiting[k] for k in confirmed], this)
        waiting = _without(waiting, confirmed)
    if this is not None and waiting:
        unproven = set() if this.passed else unmodified & waiting.keys()
        result.unproven = len(unproven)
        _count(comparison, result.counts, [waiting[k] for k in unproven], this)
        result.moving = list(_without(waiting, unproven).values())
    return result


def _is_vain(
    result: RecheckResult, last: _Round | None, waiting: _Waiting, unmodified: Iterable[int]
) -> bool:
    """Return whether more rounds would show nothing: no fence passes, and no row changes."""
    waited = last is not None and not last.passed and result.rounds >= WAITS
    return waited and waiting.keys() <= set(unmodified)


def group_by_range(suspects: Iterable[SuspectKey]) -> dict[KeyRange | None, list[int]]:
    """Return the keys of each key range."""
    found: dict[KeyRange | None, list[int]] = {}
    for suspect in suspects:
        found.setdefault(suspect.key_range, []).append(suspect.key)
    return found


def _run_round(comparison: TableComparison, waiting: _Waiting, fence: Fence) -> _Round:
    suspects = list(waiting.values())
    source, target = comparison.sides
    before = _reread(comparison, source, suspects)
    passed = fence.passes()
    return _Round(
        passed,
        before,
        _reread(comparison, target, suspects),
        _reread(comparison, source, suspects),
    )


def _reread(
    comparison: TableComparison, side: TableSide, suspects: Sequence[SuspectKey]
) -> Mapping[int, Versions]:
    """Return the suspects in a new snapshot."""
    side.session.snapshot()
    return fetch_versions(side, comparison.key_domain, suspects)


def _find_equal(comparison: TableComparison, waiting: _Waiting, this: _Round) -> set[int]:
    equal = {key for key in waiting if this.has_arrived(key)}
    if comparison.tolerances:
        for key_range, keys in group_by_range(_without(waiting, equal).values()).items():
            equal |= set(keys_within_tolerance(comparison, keys, key_range))
    return equal


def _count(
    comparison: TableComparison,
    counts: DifferenceCounts,
    suspects: Sequence[SuspectKey],
    this: _Round,
) -> None:
    for key_range, keys in group_by_range(suspects).items():
        rows = RowHashes(_pairs(this.after, keys), _pairs(this.target, keys))
        count_beyond_tolerance(comparison, counts, rows, key_range)


def _pairs(found: Mapping[int, Versions], keys: Sequence[int]) -> Counter[Pair]:
    pairs: Counter[Pair] = Counter()
    for key in keys:
        for (row, _), count in found.get(key, {}).items():
            pairs[key, row] += count
    return pairs


def _rows(versions: Versions | None) -> Counter[int]:
    rows: Counter[int] = Counter()
    for (row, _), count in (versions or {}).items():
        rows[row] += count
    return rows


def _without(waiting: _Waiting, keys: Iterable[int]) -> dict[int, SuspectKey]:
    gone = set(keys)
    return {key: suspect for key, suspect in waiting.items() if key not in gone}
