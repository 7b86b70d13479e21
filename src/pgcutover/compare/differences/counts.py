"""Counting differing rows exactly, and keeping a few of them to be looked at. Pure."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from sys import byteorder

from pgcutover.compare.scan.key_domain import Cell

SAMPLE_LIMIT = 20
SUSPECT_LIMIT = 10_000
_PAIR, _KEY = 16, 8  # bytes

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

    def want(self, cell: Cell | None) -> bool:
        """Whether rows of this cell would be kept."""
        if cell is None or not (self.lowest and self.highest):
            return len(self.lowest) <= SUSPECT_LIMIT
        lowest, highest = self.lowest[0].cell, self.highest[0].cell
        return not _begin(lowest) <= _begin(cell) <= _begin(highest)

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
        sampled, edges = self.sampled[kind], self.edges[kind]
        if self.suspects is None and len(sampled) >= SAMPLE_LIMIT and not edges.want(cell):
            return
        found = [Suspect(key, cell) for key in sorted(keys)]
        edges.note(found, cell)
        sampled.extend(found[: SAMPLE_LIMIT - len(sampled)])
        if self.suspects is not None:
            self.suspects.extend(found)
            self.suspects = self.suspects if len(self.suspects) <= SUSPECT_LIMIT else None


@dataclass(frozen=True, slots=True)
class Rows:
    """Pairs of both sides, how often each is there; those that are alike may be left out.

    `known` are keys of the source whose rows were left out. `are_single` says that no two rows here
    share a key on their side, and none is on both.
    """

    source: Counter[Pair]
    target: Counter[Pair]
    known: Collection[int] = ()
    are_single: bool = False

    @property
    def changed_keys(self) -> list[int]:
        """Keys that have other rows on the other side."""
        lost, added = _minus(self.source, self.target), _minus(self.target, self.source)
        return sorted({key for key, _ in lost} & {key for key, _ in added})

    def without(self, keys: Collection[int]) -> "Rows":
        """The rows of all other keys."""
        source, target = (
            Counter({pair: count for pair, count in pairs.items() if pair[0] not in keys})
            for pairs in (self.source, self.target)
        )
        return Rows(source, target, self.known)


def judge(result: Tally, rows: Rows, cell: Cell | None = None) -> None:
    """Count what differs between the rows of one cell."""
    if rows.are_single:
        _judge_single(result, rows, cell)
        return
    lost = _by_key(_minus(rows.source, rows.target))
    added = _by_key(_minus(rows.target, rows.source))
    both = lost.keys() & added.keys()
    changed = {key: min(lost[key], added[key]) for key in both}
    missing = {k: n - changed.get(k, 0) for k, n in lost.items() if n > changed.get(k, 0)}
    extra = {k: n - changed.get(k, 0) for k, n in added.items() if n > changed.get(k, 0)}
    for kind, found in (("changed", changed), ("missing", missing), ("extra", extra)):
        if found:
            result.add(kind, found, sum(found.values()), cell)
    if extra:
        known = {key for key, _ in rows.source}.union(rows.known)
        result.duplicated += sum(n for key, n in extra.items() if key in known)


def _judge_single(result: Tally, rows: Rows, cell: Cell | None) -> None:
    lost, added = {key for key, _ in rows.source}, {key for key, _ in rows.target}
    extra = added - lost
    for kind, keys in (("changed", lost & added), ("missing", lost - added), ("extra", extra)):
        if keys:
            result.add(kind, keys, len(keys), cell)
    result.duplicated += len(extra.intersection(rows.known))


def unpacked(source: bytes | None, target: bytes | None) -> Rows:
    """The rows of two concatenations of 16-byte pairs, as the server sends its int8.

    Most of them are alike, and are left out before anything is made of them.
    """
    one, other = _slices(source or b""), _slices(target or b"")
    here, there = set(one), set(other)
    if len(here) < len(one) or len(there) < len(other):
        return Rows(_pairs(one), _pairs(other))
    lost, added = _pairs(here - there), _pairs(there - here)
    old, new = {key for key, _ in lost}, {key for key, _ in added}
    known = [key for key in new - old if _has_key(source or b"", key)]
    return Rows(lost, added, known, len(old) == len(lost) and len(new) == len(added))


def _slices(packed: bytes) -> list[bytes]:
    return [packed[n : n + _PAIR] for n in range(0, len(packed), _PAIR)]


def _has_key(packed: bytes, key: int) -> bool:
    wanted = key.to_bytes(_KEY, "big", signed=True)
    place = packed.find(wanted)
    while place % _PAIR and place >= 0:
        place = packed.find(wanted, place + 1)
    return place >= 0


def _pairs(slices: Iterable[bytes]) -> Counter[Pair]:
    numbers = array("q")
    numbers.frombytes(b"".join(slices))
    if byteorder == "little":
        numbers.byteswap()
    return Counter(zip(numbers[::2], numbers[1::2], strict=True))


def _minus(one: Counter[Pair], other: Counter[Pair]) -> Counter[Pair]:
    """Counter subtraction, of which Python's own is slow where most is alike."""
    return Counter({p: n - other[p] for p, n in one.items() - other.items() if n > other.get(p, 0)})


def _by_key(pairs: Counter[Pair]) -> Counter[int]:
    counted: Counter[int] = Counter()
    for (key, _), count in pairs.items():
        counted[key] += count
    return counted
