"""Differing rows while the application writes and a mover follows: in flight, or CONFIRMED.

One round reads the suspects on the source, lets a fence pass, reads them on the target, and on the
source again, each in a new snapshot. Everything committed before the fence is on the target when
that is read, so the target shows the source as it was at some moment between the two readings.

- The target equals either reading of the source: the row was in flight, and has arrived.
- The source's row versions (`xmin`) are the same in both readings, so it had that value at every
  moment between, and the target does not have it: one confirmation. Values alone would not do, as
  one may change and change back.
- The source has no such row, and the target's row versions are those of the round before: the
  mover has not touched it since before the source was read, though the deletion has passed the
  fence: one confirmation.
- Anything else is still moving, and is looked at again.

A difference is CONFIRMED by two rounds. Where the fence cannot show that changes have passed,
nothing is confirmed; what still differs at the end is told as such.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pgcutover.compare.differences.counts import Pair, Rows, Suspect, Tally
from pgcutover.compare.differences.row_sample import Versions, versions_of
from pgcutover.compare.differences.within_tolerance import judged, within_tolerance
from pgcutover.compare.live.fence import Fence
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.key_domain import Cell
from pgcutover.compare.scan.sessions import saying

CONFIRMATIONS = 2
WAITS = 3
_Waiting = Mapping[int, Suspect]


@dataclass(slots=True)
class Settled:
    """What became of the suspects; `tally` counts those that differ, confirmed or unproven.

    `unproven` stood still, but no fence passed; `moving` changed whenever they were looked at.
    """

    equal: int = 0
    confirmed: int = 0
    unproven: int = 0
    moving: list[Suspect] = field(default_factory=list)
    rounds: int = 0
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class _Round:
    """The suspects on the source, on the target after the fence, and on the source again."""

    passed: bool
    one: Mapping[int, Versions]
    other: Mapping[int, Versions]
    two: Mapping[int, Versions]

    def has_arrived(self, key: int) -> bool:
        """Whether the target has what the source had or has."""
        target = _rows(self.other.get(key))
        return target in (_rows(self.one.get(key)), _rows(self.two.get(key)))

    def has_stood_still(self, key: int, before: "_Round | None") -> bool:
        """Whether nothing that the source did since the fence explains what the target has."""
        if self.one.get(key):
            return self.one[key] == self.two.get(key)
        untouched = before is not None and before.other.get(key) == self.other.get(key)
        return untouched and not self.two.get(key)


def settle(question: Question, suspects: Sequence[Suspect], fence: Fence, tries: int) -> Settled:
    """Look at the suspects until each is equal or confirmed, in `tries` rounds at most."""
    result = Settled()
    waiting = {s.key: s for s in suspects}
    times: Counter[int] = Counter()
    still: set[int] = set()
    this: _Round | None = None
    while waiting and result.rounds < tries and not _is_vain(result, this, waiting, still):
        result.rounds += 1
        before, this = this, _round(question, waiting, fence)
        alike = _alike(question, waiting, this)
        result.equal += len(alike)
        waiting = _without(waiting, alike)
        still = {k for k in waiting if this.has_stood_still(k, before)}
        times.update(still if this.passed else ())
        confirmed = {k for k in waiting if times[k] >= CONFIRMATIONS}
        result.confirmed += len(confirmed)
        _count(question, result.tally, [waiting[k] for k in confirmed], this)
        waiting = _without(waiting, confirmed)
    if this is not None and waiting:
        unproven = set() if this.passed else still & waiting.keys()
        result.unproven = len(unproven)
        _count(question, result.tally, [waiting[k] for k in unproven], this)
        result.moving = list(_without(waiting, unproven).values())
    return result


def _is_vain(result: Settled, last: _Round | None, waiting: _Waiting, still: Iterable[int]) -> bool:
    """Whether more waiting would tell no more: no fence passes, and nothing moves."""
    waited = last is not None and not last.passed and result.rounds >= WAITS
    return waited and waiting.keys() <= set(still)


def by_cell(suspects: Iterable[Suspect]) -> dict[Cell | None, list[int]]:
    """The keys of each cell."""
    found: dict[Cell | None, list[int]] = {}
    for suspect in suspects:
        found.setdefault(suspect.cell, []).append(suspect.key)
    return found


def _round(question: Question, waiting: _Waiting, fence: Fence) -> _Round:
    suspects = list(waiting.values())
    one = _reread(question, question.source, suspects)
    passed = fence.passes()
    other = _reread(question, question.target, suspects)
    return _Round(passed, one, other, _reread(question, question.source, suspects))


def _reread(question: Question, side: Side, suspects: Sequence[Suspect]) -> Mapping[int, Versions]:
    """The suspects in a new snapshot."""
    side.session.snapshot()
    with saying(side.label, question.name):
        return versions_of(side, question.grid, suspects)


def _alike(question: Question, waiting: _Waiting, this: _Round) -> set[int]:
    alike = {key for key in waiting if this.has_arrived(key)}
    if question.tolerances:
        for cell, keys in by_cell(_without(waiting, alike).values()).items():
            alike |= set(within_tolerance(question, keys, cell))
    return alike


def _count(question: Question, tally: Tally, suspects: Sequence[Suspect], this: _Round) -> None:
    for cell, keys in by_cell(suspects).items():
        one, other = (_pairs(read, keys) for read in (this.two, this.other))
        judged(question, tally, Rows(one, other), cell)


def _pairs(read: Mapping[int, Versions], keys: Sequence[int]) -> Counter[Pair]:
    pairs: Counter[Pair] = Counter()
    for key in keys:
        for (row, _), count in read.get(key, {}).items():
            pairs[key, row] += count
    return pairs


def _rows(versions: Versions | None) -> Counter[int]:
    rows: Counter[int] = Counter()
    for (row, _), count in (versions or {}).items():
        rows[row] += count
    return rows


def _without(waiting: _Waiting, keys: Iterable[int]) -> dict[int, Suspect]:
    gone = set(keys)
    return {key: suspect for key, suspect in waiting.items() if key not in gone}
