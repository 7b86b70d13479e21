"""Scans a table by buckets of its key's hash, for keys without a common order or without a key.

Each side is read once sequentially, and its hashes are summed bucket by bucket. Buckets that
differ, or that were written to during the scan, are read again in one snapshot.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from psycopg import sql

from pgcutover.compare.differences.counts import DifferenceCounts, Pair, RowHashes
from pgcutover.compare.differences.within_tolerance import count_beyond_tolerance
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.compare.scan.heap_segments import HeapScan, ScanLimits
from pgcutover.sides import Sides

Sums = dict[int, list[int | Decimal]]
_ROWS_PER_BUCKET = 256
_MOST_BUCKETS = 16_384
_FETCHED_ROWS = 50_000
_MOST_WRITTEN_ROWS = 500_000
_KEY, _ROW = sql.Identifier("pgcutover key"), sql.Identifier("pgcutover row")


@dataclass(frozen=True, slots=True)
class BucketScanResult:
    """The source's rows, the number of snapshots, and whether sums differed in one snapshot."""

    rows: int
    snapshots: int
    has_suspects: bool


@dataclass(frozen=True, slots=True)
class BucketSums:
    """Rows and sum of hashes of each bucket; `written` are written buckets, None is all."""

    sums: Sums
    snapshots: int
    written: frozenset[int] | None

    def rows(self, buckets: Collection[int]) -> int:
        """Return the number of rows in some buckets."""
        return sum(int(self.sums[b][0]) for b in buckets if b in self.sums)


def _no_report(_: int) -> None:
    pass


def scan_buckets(
    comparison: TableComparison,
    counts: DifferenceCounts,
    limits: ScanLimits | None = None,
    report: Callable[[int], None] = _no_report,
) -> BucketScanResult:
    """Count the differing rows; `report` is called with the number of source rows read.

    Without limits the current snapshots are used and kept.
    """
    mask = _bucket_mask(comparison.rows_estimate)
    sums = _sum_both(comparison, mask, limits, report)
    snapshots = max(each.snapshots for each in sums)
    if any(s.written is None or s.rows(s.written) > _MOST_WRITTEN_ROWS for s in sums):
        for side in comparison.sides:
            side.session.snapshot()
        sums = _sum_both(comparison, mask, None, report)
        snapshots += 1
    source, target = sums.map(lambda each: each.sums)
    differing = {b for b in source.keys() | target.keys() if source.get(b) != target.get(b)}
    suspects = differing.union(*(each.written or () for each in sums))
    recounted = _recount_buckets(comparison, counts, mask, sums, suspects)
    rows = sums.source.rows(source.keys() - suspects) + recounted
    is_one_snapshot = max(each.snapshots for each in sums) == 1
    return BucketScanResult(rows, snapshots, bool(differing) and is_one_snapshot)


def _bucket_mask(rows: int) -> int:
    """Return the number of buckets less one: a power of two less one."""
    wanted = min(max(rows // _ROWS_PER_BUCKET, 1), _MOST_BUCKETS)
    return 0 if rows <= _FETCHED_ROWS else int((1 << (wanted - 1).bit_length()) - 1)


def _sum_both(
    comparison: TableComparison,
    mask: int,
    limits: ScanLimits | None,
    report: Callable[[int], None],
) -> Sides[BucketSums]:
    source = comparison.sides.source
    return comparison.fetch_both(
        lambda side: _sum_buckets(side, mask, limits, report if side is source else _no_report)
    )


def _sum_buckets(
    side: TableSide, mask: int, limits: ScanLimits | None, report: Callable[[int], None]
) -> BucketSums:
    """Return the sums of one side's buckets."""
    scan = HeapScan(side, limits)
    sums: Sums = {}
    done = 0
    for rows in scan.fetch_segments(partial(_sum_query, side, mask)):
        for bucket, *numbers in rows:
            known = sums.setdefault(bucket, [0, Decimal(0)])
            for n, number in enumerate(numbers):
                known[n] += number
            done += numbers[0]
        report(done)
    return BucketSums(sums, scan.snapshots, scan.fetch_written_buckets(mask))


def _recount_buckets(
    comparison: TableComparison,
    counts: DifferenceCounts,
    mask: int,
    sums: Sides[BucketSums],
    suspects: Collection[int],
) -> int:
    """Read some buckets again in _batches, count what differs, and return the source's rows."""
    sizes = {b: max(each.rows([b]) for each in sums) for b in suspects}
    return sum(
        _count_in_buckets(comparison, counts, mask, batch)
        for batch in _batches(sorted(suspects), sizes)
    )


def _batches(suspects: Sequence[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield buckets to be fetched at once."""
    batch: list[int] = []
    rows = 0
    for bucket in suspects:
        if batch and rows + sizes[bucket] > _FETCHED_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(bucket)
        rows += sizes[bucket]
    if batch:
        yield batch


def _count_in_buckets(
    comparison: TableComparison, counts: DifferenceCounts, mask: int, batch: Sequence[int]
) -> int:
    """Count the differing rows of some buckets, and return the source's rows in them."""
    pairs = comparison.fetch_both(lambda side: _fetch_pairs(side, mask, batch))
    count_beyond_tolerance(comparison, counts, RowHashes(pairs.source, pairs.target))
    return sum(pairs.source.values())


def _fetch_pairs(side: TableSide, mask: int, batch: Sequence[int]) -> Counter[Pair]:
    """Return how often each pair of hashes occurs; the server counts equal rows."""
    rows = side.fetch(_pairs_query(side, mask, batch))
    return Counter({(key, row): count for key, row, count in rows})


def _keyed_rows(side: TableSide, where: sql.Composable, relation: sql.Composable) -> sql.Composed:
    """Return the rows `r` with the hash of their key, computed once a row."""
    return sql.SQL("(select r.*, {} as {} from {} r where {} offset 0) r").format(
        side.hashes.key, _KEY, relation, where
    )


def _sum_query(
    side: TableSide, mask: int, relation: sql.Composable, where: sql.Composable
) -> sql.Composed:
    if not mask:
        return sql.SQL("select 0, count(*), coalesce(sum({}), 0) from {} r where {}").format(
            side.hashes.row, relation, where
        )
    return sql.SQL(
        "select ({} & {})::int4, count(*), sum({}) from {} r where {} group by 1"
    ).format(side.hashes.key, sql.Literal(mask), side.hashes.row, relation, where)


def _pairs_query(side: TableSide, mask: int, batch: Sequence[int]) -> sql.Composed:
    return sql.SQL(
        "select r.{k}, r.{h}, count(*) from (select r.{k}, {row} as {h} from {rows}"
        " where (r.{k} & {mask}) = any ({batch}::int8[]) offset 0) r group by 1, 2"
    ).format(
        k=_KEY,
        h=_ROW,
        row=side.hashes.row,
        rows=_keyed_rows(side, side.where, side.table.relation),
        mask=sql.Literal(mask),
        batch=sql.Literal(list(batch)),
    )
