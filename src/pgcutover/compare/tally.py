"""Counting differences exactly while both sides stream by in the same order."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

Row = tuple[bytes, bytes, int]
"""Key digest, row digest, and how many rows have both."""

SAMPLE_LIMIT = 20
SUSPECT_LIMIT = 10_000


@dataclass(slots=True)
class Tally:
    """How many rows are missing, extra or changed, and the first keys of each kind.

    `suspects` holds every differing key while there are few enough to ask for them again.
    """

    missing: int = 0
    extra: int = 0
    changed: int = 0
    duplicated: int = 0
    sampled: dict[str, list[bytes]] = field(
        default_factory=lambda: {"missing": [], "extra": [], "changed": []}
    )
    suspects: list[bytes] | None = field(default_factory=list)

    @property
    def total(self) -> int:
        """All differing rows."""
        return self.missing + self.extra + self.changed

    @property
    def surplus(self) -> int:
        """How many more rows the target has."""
        return self.extra - self.missing

    def add(self, kind: str, key: bytes, count: int) -> None:
        """Count differing rows of a key and keep the key while there is room."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.sampled[kind]) < SAMPLE_LIMIT:
            self.sampled[kind].append(key)
        if self.suspects is not None:
            self.suspects.append(key)
            self.suspects = self.suspects if len(self.suspects) <= SUSPECT_LIMIT else None


def tally(source: Iterable[Row], target: Iterable[Row]) -> Tally:
    """Merge both streams, each ordered by key digest; memory does not grow with the rows."""
    result = Tally()
    for key, rows in groupby(_merged(source, target), key=lambda item: item[0]):
        _judge(result, key, rows)
    return result


def _merged(
    source: Iterable[Row], target: Iterable[Row]
) -> Iterator[tuple[bytes, int, bytes, int]]:
    return heapq.merge(((k, 0, h, n) for k, h, n in source), ((k, 1, h, n) for k, h, n in target))


def _judge(result: Tally, key: bytes, rows: Iterable[tuple[bytes, int, bytes, int]]) -> None:
    sides: tuple[Counter[bytes], Counter[bytes]] = (Counter(), Counter())
    for _, side, row, count in rows:
        sides[side][row] += count
    only_source, only_target = sides[0] - sides[1], sides[1] - sides[0]
    lost, added = only_source.total(), only_target.total()
    changed = min(lost, added)
    for kind, count in (
        ("changed", changed),
        ("missing", lost - changed),
        ("extra", added - changed),
    ):
        if count:
            result.add(kind, key, count)
    if sides[1].total() > sides[0].total() > 0:
        result.duplicated += sides[1].total() - sides[0].total()
