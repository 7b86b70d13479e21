"""Counting differing rows exactly, and keeping a few of them to be looked at. Pure."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from sys import byteorder

from pgcutover.compare.grid import Cell

SAMPLE_LIMIT = 20
SUSPECT_LIMIT = 10_000

Pair = tuple[int, int]
"""Key hash and row hash of one row."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A key whose rows differ, and the cell of the grid in which to find it, if there is one."""

    key: int
    cell: Cell | None


@dataclass(slots=True)
class Edges:
    """The keys in the lowest and in the highest cell in which rows of a kind differ."""

    lowest: list[Suspect] = field(default_factory=list)
    highest: list[Suspect] = field(default_factory=list)

    @property
    def are_unknown(self) -> bool:
        """Whether there were too many outside of any cell to be kept."""
        return not 0 < len(self.lowest) <= SUSPECT_LIMIT

    def note(self, found: list[Suspect], cell: Cell | None) -> None:
        """Keep what lies farther out than what is known; all of it where there are no cells."""
        if cell is None:
            if len(self.lowest) <= SUSPECT_LIMIT:
                self.lowest.extend(found)
            return
        if not self.lowest or _begin(cell) < _begin(self.lowest[0].cell):
            self.lowest = found
        if not self.highest or _begin(cell) > _begin(self.highest[0].cell):
            self.highest = found


def _begin(cell: Cell | None) -> tuple[bool, int]:
    """Where a cell begins, in an order; one with an open head is the first."""
    begin = None if cell is None else cell.first
    return (begin is not None, begin or 0)


@dataclass(slots=True)
class Tally:
    """How many rows are missing, extra or changed, and the first keys of each kind.

    `tolerated` rows differed within tolerance, and are none of these.
    `suspects` holds every differing key while there are few enough to ask for them again.
    """

    missing: int = 0
    extra: int = 0
    changed: int = 0
    duplicated: int = 0
    tolerated: int = 0
    sampled: dict[str, list[Suspect]] = field(
        default_factory=lambda: {"missing": [], "extra": [], "changed": []}
    )
    suspects: list[Suspect] | None = field(default_factory=list)
    edges: dict[str, Edges] = field(
        default_factory=lambda: {"missing": Edges(), "extra": Edges(), "changed": Edges()}
    )

    @property
    def total(self) -> int:
        """All differing rows."""
        return self.missing + self.extra + self.changed

    @property
    def surplus(self) -> int:
        """How many more rows the target has."""
        return self.extra - self.missing

    def add(self, kind: str, keys: Iterable[int], count: int, cell: Cell | None) -> None:
        """Count differing rows of some keys, and keep the keys while there is room."""
        setattr(self, kind, getattr(self, kind) + count)
        sampled = self.sampled[kind]
        found = [Suspect(key, cell) for key in sorted(keys)]
        self.edges[kind].note(found, cell)
        sampled.extend(found[: SAMPLE_LIMIT - len(sampled)])
        if self.suspects is not None:
            self.suspects.extend(found)
            self.suspects = self.suspects if len(self.suspects) <= SUSPECT_LIMIT else None


def judge(
    result: Tally,
    source: Counter[Pair],
    target: Counter[Pair],
    cell: Cell | None = None,
) -> None:
    """Count what differs between the rows of one cell."""
    lost, added = _by_key(source - target), _by_key(target - source)
    both = lost.keys() & added.keys()
    changed = {key: min(lost[key], added[key]) for key in both}
    missing = {k: n - changed.get(k, 0) for k, n in lost.items() if n > changed.get(k, 0)}
    extra = {k: n - changed.get(k, 0) for k, n in added.items() if n > changed.get(k, 0)}
    for kind, rows in (("changed", changed), ("missing", missing), ("extra", extra)):
        if rows:
            result.add(kind, rows, sum(rows.values()), cell)
    if extra:
        known = {key for key, _ in source}
        result.duplicated += sum(n for key, n in extra.items() if key in known)


def changed_keys(source: Counter[Pair], target: Counter[Pair]) -> list[int]:
    """Keys that have other rows on the other side."""
    lost, added = source - target, target - source
    return sorted({key for key, _ in lost} & {key for key, _ in added})


def unpacked(packed: bytes | None) -> Counter[Pair]:
    """The pairs of a concatenation of 16-byte pairs, as the server sends its int8."""
    numbers = array("q")
    numbers.frombytes(packed or b"")
    if byteorder == "little":
        numbers.byteswap()
    return Counter(zip(numbers[::2], numbers[1::2], strict=True))


def _by_key(pairs: Counter[Pair]) -> Counter[int]:
    counted: Counter[int] = Counter()
    for (key, _), count in pairs.items():
        counted[key] += count
    return counted
