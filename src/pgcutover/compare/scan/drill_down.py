"""Finds the differing rows within the key ranges that differ."""

from collections.abc import Iterator, Sequence
from itertools import chain

from pgcutover.compare.differences.counts import DifferenceCounts, unpack_hashes
from pgcutover.compare.differences.within_tolerance import count_beyond_tolerance
from pgcutover.compare.plan.key_domain import COARSE_ROWS, KeyDomain, KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.compare.plan.range_sql import condition_of_range, range_query
from pgcutover.compare.scan.bucket_scan import scan_buckets
from pgcutover.compare.scan.range_scan import ChunkResult

DENSE_ROWS = 200_000  # in one range: too many to fetch at once
_FETCHED_ROWS = 50_000


def drill_down(
    comparison: TableComparison, domain: KeyDomain, counts: DifferenceCounts, result: ChunkResult
) -> None:
    """Count the differing rows of a chunk."""
    if result.detail:
        for n in result.suspects:
            hashes = unpack_hashes(result.rows.source[n][2], result.rows.target[n][2])
            count_beyond_tolerance(comparison, counts, hashes, result.chunk.ranges[n])
        return
    found = [(result.chunk.ranges[n], result.size(n)) for n in result.suspects]
    fine = (each for each in found if each[1] <= COARSE_ROWS)
    coarse = [each for each in found if each[1] > COARSE_ROWS]
    batch: list[KeyRange] = []
    rows = 0
    for key_range, size in chain(fine, _split_until_fine(comparison, domain, coarse)):
        if batch and rows + size > _FETCHED_ROWS:
            count_in_ranges(comparison, domain, counts, batch)
            batch, rows = [], 0
        if size > DENSE_ROWS:
            _count_in_dense_range(comparison, domain, counts, key_range)
            continue
        batch.append(key_range)
        rows += size
    if batch:
        count_in_ranges(comparison, domain, counts, batch)


def count_in_ranges(
    comparison: TableComparison,
    domain: KeyDomain,
    counts: DifferenceCounts,
    ranges: Sequence[KeyRange],
) -> None:
    """Fetch the hashes of all rows in some ranges, and count those that differ."""

    def fetch(side: TableSide) -> list[bytes | None]:
        query = range_query(side, domain, ranges, detail=True)
        return [packed for _, _, packed in side.fetch(query, by_index=True)]

    packed = comparison.fetch_both(fetch)
    for key_range, source, target in zip(ranges, *packed, strict=True):
        if source != target:
            hashes = unpack_hashes(source, target)
            count_beyond_tolerance(comparison, counts, hashes, key_range)


def _split_until_fine(
    comparison: TableComparison, domain: KeyDomain, coarse: Sequence[tuple[KeyRange, int]]
) -> Iterator[tuple[KeyRange, int]]:
    """Yield the differing parts of ranges with many rows, and their rows."""
    waiting = list(coarse)
    while waiting:
        key_range, rows = waiting.pop()
        parts = key_range.split(rows)
        if len(parts) == 1:
            yield key_range, rows
            continue
        for part, size in _differing_parts(comparison, domain, parts):
            if size > COARSE_ROWS:
                waiting.append((part, size))
            else:
                yield part, size


def _differing_parts(
    comparison: TableComparison, domain: KeyDomain, parts: Sequence[KeyRange]
) -> Iterator[tuple[KeyRange, int]]:
    sums = comparison.fetch_both(
        lambda side: side.fetch(range_query(side, domain, parts), by_index=True)
    )
    for part, source, target in zip(parts, *sums, strict=True):
        if source[1:] != target[1:]:
            yield part, max(source[1], target[1])


def _count_in_dense_range(
    comparison: TableComparison, domain: KeyDomain, counts: DifferenceCounts, key_range: KeyRange
) -> None:
    """Compare a range with too many rows to fetch by buckets, as if it were a table."""
    narrowed = comparison.narrow(lambda side: condition_of_range(side, domain, key_range))
    scan_buckets(narrowed, counts)
