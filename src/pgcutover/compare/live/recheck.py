"""Rechecks differing rows while the application writes and a mover follows.

One round reads the suspects on the source, waits for a fence, reads them on the target, and on the
source again, each in a new snapshot. Everything committed before the fence is on the target when
that is read, so the target shows the source as it was at some moment between the two readings.

- The target equals either reading of the source: the row was in flight, and has arrived.
- The source's row versions (`xmin`) are the same in both readings, so it had that value at every
  moment between, and the target does not have it: one confirmation. Equal values alone prove
  nothing, because a value may change and change back.
- The source has no such row, and the target's row versions are those of the round before: the
  mover has not modified it since before the source was read, though the deletion has passed the
  fence: one confirmation.
- Any other row is still changing, and is rechecked.

A difference is CONFIRMED by two rounds. Where the fence cannot show that changes have passed,
nothing is confirmed, and a mover is only given time: WAITS rounds. A row that has been the same on
both sides for that long, by its versions or because nothing wrote to the server, has had this time
already and is not waited for; so tables that differ after the writing has stopped wait for nothing.

What one table has waited for holds for all: a row that is as it was before a fence that has passed
needs no other fence, and a key that the source lacks is read in a snapshot from the first wait.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pgcutover.compare.differences.counts import DifferenceCounts, Pair, RowHashes, SuspectKey
from pgcutover.compare.differences.row_sample import Versions, fetch_versions
from pgcutover.compare.differences.scan_result import ScanResult
from pgcutover.compare.differences.within_tolerance import (
    count_beyond_tolerance,
    keys_within_tolerance,
)
from pgcutover.compare.live.fence import Fence, WaitingFence
from pgcutover.compare.live.passed_fences import PassedFences
from pgcutover.compare.live.write_history import WriteHistory
from pgcutover.compare.plan.key_domain import KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.errors import UnreadableError
from pgcutover.sides import Sides
from pgcutover.text.words import agree, count_noun

CONFIRMATIONS = 2
WAITS = 3
_Waiting = Mapping[int, SuspectKey]


@dataclass(frozen=True, slots=True)
class RecheckSettings:
    """The fence, the most rechecks, and what the rechecks of all tables share."""

    fence: Fence
    tries: int
    histories: Sides[WriteHistory]
    passed: PassedFences

    @property
    def patience_seconds(self) -> float | None:
        """Return the seconds to wait for a row to arrive; None if a fence shows its progress."""
        return self.fence.seconds * WAITS if isinstance(self.fence, WaitingFence) else None


@dataclass(slots=True)
class RecheckResult:
    """The results of the suspects; `counts` are those that differ, confirmed or unproven.

    `unproven` keys were unmodified, but no fence passed; `moving` keys changed at every recheck.
    """

    equal: int = 0
    confirmed: int = 0
    unproven: int = 0
    moving: list[SuspectKey] = field(default_factory=list)
    waits: int = 0
    counts: DifferenceCounts = field(default_factory=DifferenceCounts)

    @property
    def has_proof(self) -> bool:
        """Return whether at least one key differs and was not in flight."""
        return bool(self.confirmed or self.unproven)


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
    result: ScanResult, rescan: Callable[[], ScanResult], settings: RecheckSettings
) -> ScanResult:
    """Return the scan without differences that were only in flight.

    Only differing rows are read again. Where there are too many to keep, some of them are
    rechecked, and the table is scanned again while these turn out to be in flight.
    """
    first, waits = result.counts.total, 0
    for scans_left in reversed(range(settings.tries)):
        if not result.counts.total:
            return replace(result, in_flight=first)
        checked = recheck(result.comparison, result.counts.suspects, settings)
        waits += checked.waits
        if not result.counts.has_more_suspects:
            return _recheck_all(result, checked, first, waits, settings.fence)
        if checked.has_proof and not (checked.equal and scans_left):
            return _recheck_some(result, checked, first, waits, settings.fence)
        if scans_left:
            result = rescan()
    total, keys = result.counts.total, len(result.counts.suspects)
    raise UnreadableError(
        f"{result.comparison.name}: {count_noun(total, 'row')} still "
        f"{agree(total, 'differs', 'differ')} after {settings.tries} scans, and none of the "
        f"{count_noun(keys, 'key')} that were rechecked is proven to; the mover is still "
        "applying changes; run again when it has caught up"
    )


def _recheck_all(
    result: ScanResult, checked: RecheckResult, first: int, waits: int, fence: Fence
) -> ScanResult:
    """Return the scan with the differences that the recheck of all keys has left."""
    return replace(
        result,
        counts=checked.counts,
        moving=tuple(checked.moving),
        in_flight=max(0, first - checked.counts.total - len(checked.moving)),
        rechecked=tuple(result.counts.suspects),
        notes={**result.notes, **_notes(checked, waits, fence)},
    )


def _recheck_some(
    result: ScanResult, checked: RecheckResult, first: int, waits: int, fence: Fence
) -> ScanResult:
    """Return the scan as it is, and the results of the keys that were rechecked."""
    unchecked = result.counts.total - len(result.counts.suspects)
    notes = {**_notes(checked, waits, fence), "unchecked_rows": unchecked}
    in_flight = max(0, first - result.counts.total)
    return replace(result, in_flight=in_flight, notes={**result.notes, **notes})


def _notes(checked: RecheckResult, waits: int, fence: Fence) -> dict[str, object]:
    return {
        "fence": fence.name,
        "waits": waits,
        "confirmed_keys": checked.confirmed,
        "unproven_keys": checked.unproven,
        "moving_keys": len(checked.moving),
    }


def recheck(
    comparison: TableComparison, suspects: Sequence[SuspectKey], settings: RecheckSettings
) -> RecheckResult:
    """Recheck the suspects until each is equal or confirmed, or has had the time of the waits."""
    return _Recheck(comparison, suspects, settings).run()


class _Recheck:
    """The state of a recheck: the waiting keys, and the results so far."""

    def __init__(
        self,
        comparison: TableComparison,
        suspects: Sequence[SuspectKey],
        settings: RecheckSettings,
    ) -> None:
        self._comparison, self._settings = comparison, settings
        self._waiting = {s.key: s for s in suspects}
        self._confirmations: Counter[int] = Counter()
        self._unmodified: set[int] = set()
        self._last: _Round | None = None
        self._result = RecheckResult()

    def run(self) -> RecheckResult:
        self._finish_round(self._run_round(None))
        while self._waiting and not self._should_stop:
            self._result.waits += 1
            self._finish_round(self._run_round(self._settings.fence))
        if self._last is not None and self._waiting:
            unproven = set() if self._last.passed else self._unmodified & self._waiting.keys()
            self._count_unproven(unproven, self._last)
        self._result.moving = list(self._waiting.values())
        return self._result

    @property
    def _should_stop(self) -> bool:
        """Return whether to stop: after all tries, or where no fence passes and nothing changes."""
        waits, last = self._result.waits, self._last
        waited = last is not None and not last.passed and waits >= WAITS
        return waits >= self._settings.tries or (
            waited and self._waiting.keys() <= self._unmodified
        )

    def _finish_round(self, this: _Round) -> None:
        result, last, self._last = self._result, self._last, this
        equal = self._find_equal(this)
        result.equal += len(equal)
        self._remove(equal)
        self._unmodified = {k for k in self._waiting if this.is_unmodified(k, last)}
        self._confirmations.update(self._confirm(this))
        confirmed = {k for k in self._waiting if self._confirmations[k] >= CONFIRMATIONS}
        result.confirmed += len(confirmed)
        self._count(confirmed, this)
        self._count_unproven(self._find_unmodified(this), this)

    def _confirm(self, this: _Round) -> Iterable[int]:
        """Return the keys that this round, or each of the fences before the first, confirms."""
        if this.passed:
            return self._unmodified
        if self._result.waits:
            return ()
        suspects = self._waiting.values()
        passed = self._settings.passed
        return passed.confirmations(self._comparison, suspects, this.after, this.target)

    def _find_unmodified(self, this: _Round) -> set[int]:
        """Return the keys that both sides left unmodified for longer than rechecks wait."""
        seconds = self._settings.patience_seconds
        if seconds is None:
            return set()
        found = {key for key in self._waiting if self._was_unmodified(key, this, seconds)}
        absent = [s for key, s in self._waiting.items() if key not in this.after]
        if absent and not found.issuperset(s.key for s in absent):
            target = self._settings.histories.target
            kept = [
                s for s in absent if target.is_unmodified(_xids(this.target.get(s.key)), seconds)
            ]
            found |= self._settings.passed.witnesses.absent(self._comparison, kept, seconds)
        return found

    def _was_unmodified(self, key: int, this: _Round, seconds: float) -> bool:
        """Return whether both sides' versions of a key show that they are so old."""
        source, target = self._settings.histories
        on_source, on_target = _xids(this.after.get(key)), _xids(this.target.get(key))
        if not target.is_unmodified(on_target, seconds):
            return False
        return source.is_unmodified(on_source, seconds) if on_source else source.is_quiet(seconds)

    def _run_round(self, fence: Fence | None) -> _Round:
        """Read the waiting keys before and after a fence; without a fence, once on each side."""
        before = None if fence is None else self._reread("source")
        passed = fence is not None and self._pass(fence, before or {})
        target, after = self._reread("target"), self._reread("source")
        return _Round(passed, after if before is None else before, target, after)

    def _pass(self, fence: Fence, before: Mapping[int, Versions]) -> bool:
        """Return whether the fence passes; keep it for the tables that follow."""
        missing = not before.keys() >= self._waiting.keys()
        noted = self._settings.passed.note(self._settings.histories, with_witness=missing)
        if not fence.passes():
            return False
        self._settings.passed.add(noted)
        return True

    def _reread(self, label: Literal["source", "target"]) -> Mapping[int, Versions]:
        """Return the waiting keys in a new snapshot, which is added to the side's history."""
        side: TableSide = getattr(self._comparison.sides, label)
        side.session.snapshot()
        getattr(self._settings.histories, label).observe(side)
        suspects = list(self._waiting.values())
        return fetch_versions(side, self._comparison.key_domain, suspects)

    def _find_equal(self, this: _Round) -> set[int]:
        equal = {key for key in self._waiting if this.has_arrived(key)}
        if self._comparison.tolerances:
            rest = [s for key, s in self._waiting.items() if key not in equal]
            for key_range, keys in group_by_range(rest).items():
                equal |= set(keys_within_tolerance(self._comparison, keys, key_range))
        return equal

    def _count_unproven(self, keys: set[int], this: _Round) -> None:
        self._result.unproven += len(keys)
        self._count(keys, this)

    def _count(self, keys: set[int], this: _Round) -> None:
        """Count keys as differing, and remove them from the waiting ones."""
        for key_range, found in group_by_range(self._waiting[k] for k in keys).items():
            rows = RowHashes(_pairs(this.after, found), _pairs(this.target, found))
            count_beyond_tolerance(self._comparison, self._result.counts, rows, key_range)
        self._remove(keys)

    def _remove(self, keys: set[int]) -> None:
        self._waiting = {k: s for k, s in self._waiting.items() if k not in keys}


def group_by_range(suspects: Iterable[SuspectKey]) -> dict[KeyRange | None, list[int]]:
    """Return the keys of each key range."""
    found: dict[KeyRange | None, list[int]] = {}
    for suspect in suspects:
        found.setdefault(suspect.key_range, []).append(suspect.key)
    return found


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


def _xids(versions: Versions | None) -> set[int]:
    return {xid for _, xid in versions or ()}
