"""Divides the key domain into chunks that take about the target time each. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

from pgcutover.compare.plan.key_domain import COARSE_ROWS, ROWS_PER_RANGE, KeyDomain, KeyRange

FIRST_RANGES = 256  # of the first chunk, before the speed is known
_MOST_RANGES = 4096
_FEWEST_RANGES = 16
_MOST_WIDENING = 4
_MOST_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """Adjacent key ranges that one statement reads."""

    ranges: tuple[KeyRange, ...]
    width: int

    @property
    def first(self) -> int | None:
        """Return its first ordinal."""
        return self.ranges[0].first

    @property
    def last(self) -> int | None:
        """Return its last ordinal."""
        return self.ranges[-1].last

    def halves(self) -> "tuple[Chunk, ...]":
        """Return two chunks for this one; () for a single range that cannot be split."""
        middle = len(self.ranges) // 2
        if middle:
            return Chunk(self.ranges[:middle], self.width), Chunk(self.ranges[middle:], self.width)
        only = self.ranges[0]
        if only.first is None or only.last is None or only.first == only.last:
            return ()
        cut = (only.first + only.last) // 2
        lower, upper = KeyRange(only.first, cut), KeyRange(cut + 1, only.last)
        return Chunk((lower,), self.width), Chunk((upper,), self.width)


class ChunkPlanner:
    """Plans chunks of about `target_seconds` from the density and speed of those before.

    Invariant: the planned and the finished chunks together cover the whole domain, from the type's
    least to its greatest value, and no two of them overlap.
    """

    def __init__(
        self,
        domain: KeyDomain,
        bounds: tuple[int, int],
        rows: int,
        target_seconds: float,
        finished: Sequence[KeyRange] = (),
    ) -> None:
        """Start with the lowest and highest ordinal that has rows, and an estimate of the rows."""
        self._lowest, self._highest = bounds
        self.target_seconds = target_seconds
        ordinals = self._highest - self._lowest + 1
        self._width = _power_of_two(ordinals * ROWS_PER_RANGE / max(rows, 1))
        self._ranges = FIRST_RANGES
        self._finished = sorted(
            finished, key=lambda r: domain.lowest if r.first is None else r.first
        )
        self._cursor: int | None = None
        self._ended = False
        self.is_fine = True

    @property
    def cursor(self) -> int | None:
        """Return the first ordinal of the next chunk."""
        return self._cursor

    def set_target_seconds(self, target_seconds: float) -> None:
        """Set the time that the next chunks should take."""
        shorter = min(target_seconds / self.target_seconds, 1.0)
        self._ranges = max(int(self._ranges * shorter), _FEWEST_RANGES)
        self.target_seconds = target_seconds

    def next(self, most_ranges: int = _MOST_RANGES) -> Chunk | None:
        """Return the next chunk, or None at the end of the domain."""
        self._skip_finished()
        if self._ended:
            return None
        limit = self._limit()
        ranges: list[KeyRange] = []
        while len(ranges) < min(self._ranges, most_ranges):
            each = self._next_range(limit)
            ranges.append(each)
            if each.last is None:
                self._ended = True
                break
            self._cursor = each.last + 1
            if each.last == limit:
                break
        return Chunk(tuple(ranges), self._width)

    def learn(self, chunk: Chunk, rows: int, seconds: float) -> None:
        """Adapt the width and number of ranges to the rows and seconds of a finished chunk."""
        per_range = rows / len(chunk.ranges)
        self.is_fine = per_range <= COARSE_ROWS
        if chunk.width == self._width:
            self._adapt_width(per_range)
        if rows >= ROWS_PER_RANGE * 16 and seconds > 0:
            affordable = rows / seconds * self.target_seconds / ROWS_PER_RANGE
            most = min(self._ranges * _MOST_GROWTH, _MOST_RANGES)
            self._ranges = int(min(max(affordable, _FEWEST_RANGES), most))

    def skip_to(self, ordinal: int) -> None:
        """Let the next range end after `ordinal`, as no row is between the cursor and it."""
        self._lowest = max(self._lowest, ordinal)

    def _adapt_width(self, per_range: float) -> None:
        if per_range > ROWS_PER_RANGE * 2:
            self._width = max(1, self._width // _power_of_two(per_range / ROWS_PER_RANGE))
        elif per_range < ROWS_PER_RANGE / 2:
            wider = min(_MOST_WIDENING, _power_of_two(ROWS_PER_RANGE / max(per_range, 1) / 2))
            self._width *= wider
            # the next rows may be dense again: a chunk spans at most twice as much as the last one
            self._ranges = max(self._ranges * 2 // wider, _FEWEST_RANGES)

    def _limit(self) -> int | None:
        """Return the last ordinal before the next finished chunk."""
        if self._finished and (first := self._finished[0].first) is not None:
            return first - 1
        return None

    def _next_range(self, limit: int | None) -> KeyRange:
        start = self._lowest if self._cursor is None else max(self._cursor, self._lowest)
        last = (start // self._width + 1) * self._width - 1
        if limit is not None:
            return KeyRange(self._cursor, min(last, limit))
        return KeyRange(self._cursor, None if last >= self._highest else last)

    def _skip_finished(self) -> None:
        while self._finished and self._finished[0].first == self._cursor:
            last = self._finished.pop(0).last
            if last is None:
                self._ended = True
                return
            self._cursor = last + 1


def _power_of_two(number: float) -> int:
    """Return the least power of two that is not below a number."""
    return 1 << max(0, ceil(log2(number))) if number > 1 else 1
