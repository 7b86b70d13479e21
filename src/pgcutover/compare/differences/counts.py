"""Counts differing rows exactly, and keeps some of their keys. Pure."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from sys import byteorder

from pgcutover.compare.plan.key_domain import KeyRange

SAMPLE_LIMIT = 20
SUSPECT_LIMIT = 10_000
_PAIR, _KEY = 16, 8  # bytes

Pair = tuple[int, int]
"""Key hash and row hash of one row."""


@dataclass(frozen=True, slots=True)
class SuspectKey:
    """The hash of a key whose rows differ, and the key range it is in, if the scan used ranges."""

    key: int
    key_range: KeyRange | None


@dataclass(slots=True)
class Extent:
    """The keys in the lowest and the highest key range in which rows of a kind differ."""

    lowest: list[SuspectKey] = field(default_factory=list)
    highest: list[SuspectKey] = field(default_factory=list)

    @property
    def are_unknown(self) -> bool:
        """Return whether there were too many keys without a range to keep them."""
        return not 0 < len(self.lowest) <= SUSPECT_LIMIT

    def accepts(self, key_range: KeyRange | None) -> bool:
        """Return whether keys of this range would be kept."""
        if key_range is None or not (self.lowest and self.highest):
            return len(self.lowest) <= SUSPECT_LIMIT
        lowest, highest = self.lowest[0].key_range, self.highest[0].key_range
        return not _begin(lowest) <= _begin(key_range) <= _begin(highest)

    def extend(self, found: list[SuspectKey], key_range: KeyRange | None) -> None:
        """Keep the keys of the outermost ranges; all keys where there are no ranges."""
        if key_range is None:
            if len(self.lowest) <= SUSPECT_LIMIT:
                self.lowest.extend(found)
            return
        if not self.lowest or _begin(key_range) < _begin(self.lowest[0].key_range):
            self.lowest = found
        if not self.highest or _begin(key_range) > _begin(self.highest[0].key_range):
            self.highest = found


def _begin(key_range: KeyRange | None) -> tuple[bool, int]:
    """Return a sort key of a range's begin; one without a lower end is the first."""
    begin = None if key_range is None else key_range.first
    return (begin is not None, begin or 0)


@dataclass(slots=True)
class DifferenceCounts:
    """Numbers of missing, extra and changed rows, and the first keys of each kind.

    `tolerated` rows differ within tolerance and are not counted as changed.
    `suspects` holds the differing keys, up to SUSPECT_LIMIT.
    """

    missing: int = 0
    extra: int = 0
    changed: int = 0
    duplicated: int = 0
    tolerated: int = 0
    sampled: dict[str, list[SuspectKey]] = field(
        default_factory=lambda: {"missing": [], "extra": [], "changed": []}
    )
    suspects: list[SuspectKey] = field(default_factory=list)
    has_more_suspects: bool = False
    extents: dict[str, Extent] = field(
        default_factory=lambda: {"missing": Extent(), "extra": Extent(), "changed": Extent()}
    )

    @property
    def total(self) -> int:
        """Return the number of differing rows."""
        return self.missing + self.extra + self.changed

    @property
    def surplus(self) -> int:
        """The rows of the target less those of the source."""
        return self.extra - self.missing

    def add(self, kind: str, keys: Iterable[int], count: int, key_range: KeyRange | None) -> None:
        """Count differing rows, and keep their keys while there are few enough."""
        setattr(self, kind, getattr(self, kind) + count)
        sampled, extent = self.sampled[kind], self.extents[kind]
        is_full = self.has_more_suspects and len(sampled) >= SAMPLE_LIMIT
        if is_full and not extent.accepts(key_range):
            return
        found = [SuspectKey(key, key_range) for key in sorted(keys)]
        extent.extend(found, key_range)
        sampled.extend(found[: SAMPLE_LIMIT - len(sampled)])
        room = SUSPECT_LIMIT - len(self.suspects)
        self.suspects.extend(found[:room])
        self.has_more_suspects |= len(found) > room


@dataclass(frozen=True, slots=True)
class RowHashes:
    """The number of each pair of hashes on each side; equal pairs may be left out.

    `known` are keys of the source whose rows were left out. `are_single` says that no two rows
    share a key on their side, and no pair is on both sides.
    """

    source: Counter[Pair]
    target: Counter[Pair]
    known: Collection[int] = ()
    are_single: bool = False

    @property
    def changed_keys(self) -> list[int]:
        """Return the keys whose rows differ between the sides."""
        lost, added = _minus(self.source, self.target), _minus(self.target, self.source)
        return sorted({key for key, _ in lost} & {key for key, _ in added})

    def without(self, keys: Collection[int]) -> "RowHashes":
        """Return the rows of all other keys."""
        source, target = (
            Counter({pair: count for pair, count in pairs.items() if pair[0] not in keys})
            for pairs in (self.source, self.target)
        )
        return RowHashes(source, target, self.known)


def count_differences(
    counts: DifferenceCounts, rows: RowHashes, key_range: KeyRange | None = None
) -> None:
    """Count the rows that differ between the sides."""
    if rows.are_single:
        _count_single(counts, rows, key_range)
        return
    lost = _by_key(_minus(rows.source, rows.target))
    added = _by_key(_minus(rows.target, rows.source))
    both = lost.keys() & added.keys()
    changed = {key: min(lost[key], added[key]) for key in both}
    missing = {k: n - changed.get(k, 0) for k, n in lost.items() if n > changed.get(k, 0)}
    extra = {k: n - changed.get(k, 0) for k, n in added.items() if n > changed.get(k, 0)}
    for kind, found in (("changed", changed), ("missing", missing), ("extra", extra)):
        if found:
            counts.add(kind, found, sum(found.values()), key_range)
    if extra:
        known = {key for key, _ in rows.source}.union(rows.known)
        counts.duplicated += sum(n for key, n in extra.items() if key in known)


def _count_single(counts: DifferenceCounts, rows: RowHashes, key_range: KeyRange | None) -> None:
    lost, added = {key for key, _ in rows.source}, {key for key, _ in rows.target}
    extra = added - lost
    for kind, keys in (("changed", lost & added), ("missing", lost - added), ("extra", extra)):
        if keys:
            counts.add(kind, keys, len(keys), key_range)
    counts.duplicated += len(extra.intersection(rows.known))


def unpack_hashes(source: bytes | None, target: bytes | None) -> RowHashes:
    """Return the rows of two concatenations of 16-byte pairs, in the server's byte order.

    Equal pairs, which are most of them, are removed as bytes before any Counter is built.
    """
    of_source, of_target = _slices(source or b""), _slices(target or b"")
    in_source, in_target = set(of_source), set(of_target)
    if len(in_source) < len(of_source) or len(in_target) < len(of_target):
        return RowHashes(_pairs(of_source), _pairs(of_target))
    lost, added = _pairs(in_source - in_target), _pairs(in_target - in_source)
    old, new = {key for key, _ in lost}, {key for key, _ in added}
    known = [key for key in new - old if _has_key(source or b"", key)]
    return RowHashes(lost, added, known, len(old) == len(lost) and len(new) == len(added))


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


def _minus(left: Counter[Pair], right: Counter[Pair]) -> Counter[Pair]:
    """Subtract counters; Python's own subtraction is slow where most pairs are equal."""
    rest = left.items() - right.items()
    return Counter({p: n - right[p] for p, n in rest if n > right.get(p, 0)})


def _by_key(pairs: Counter[Pair]) -> Counter[int]:
    counted: Counter[int] = Counter()
    for (key, _), count in pairs.items():
        counted[key] += count
    return counted
