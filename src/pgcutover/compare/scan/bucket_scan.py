"""Comparing a table by buckets of its key's hash: for keys that have no common order, or no key.

One sequential read of each side, whose sums are added up bucket by bucket. Buckets that differ, or
that were written while they were read, are read again in one snapshot.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from pgcutover.compare.differences.counts import Pair, Rows, Tally
from pgcutover.compare.differences.within_tolerance import judged
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.heap_segments import HeapReader, Pace

Sums = dict[int, list[int | Decimal]]
_ROWS_A_BUCKET = 256
_MOST_BUCKETS = 16_384
_FETCHED_ROWS = 50_000
_MOST_WRITTEN_ROWS = 500_000
_KEY, _ROW = sql.Identifier("pgcutover key"), sql.Identifier("pgcutover row")


@dataclass(frozen=True, slots=True)
class Bucketed:
    """What was read: the source's rows, in how many snapshots, and whether sums alone differ."""

    rows: int
    snapshots: int
    has_suspects: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """(rows, sum of hashes) of each bucket; `written` since the reading began, None is all."""

    sums: Sums
    snapshots: int
    written: frozenset[int] | None

    def rows(self, buckets: Collection[int]) -> int:
        """The rows in some buckets."""
        return sum(int(self.sums[b][0]) for b in buckets if b in self.sums)


def compare_buckets(
    question: Question, tally: Tally, pace: Pace | None, told: Callable[[int], None]
) -> Bucketed:
    """Count what differs; `told` is called with the rows of the source that have been read."""
    mask = bucket_mask(question.rows_estimate)
    folds = _folds(question, mask, pace, told)
    snapshots = max(f.snapshots for f in folds)
    if any(f.written is None or f.rows(f.written) > _MOST_WRITTEN_ROWS for f in folds):
        for side in (question.source, question.target):
            side.session.snapshot()
        folds = _folds(question, mask, None, told)
        snapshots += 1
    one, other = folds
    differing = {
        b for b in one.sums.keys() | other.sums.keys() if one.sums.get(b) != other.sums.get(b)
    }
    suspects = differing.union(*(f.written or () for f in folds))
    again = count_differences(question, tally, mask, folds, suspects)
    rows = one.rows(one.sums.keys() - suspects) + again
    return Bucketed(rows, snapshots, bool(differing) and max(f.snapshots for f in folds) == 1)


def bucket_mask(rows: int) -> int:
    """How many buckets, less one, for about so many rows; a power of two less one."""
    wanted = min(max(rows // _ROWS_A_BUCKET, 1), _MOST_BUCKETS)
    return 0 if rows <= _FETCHED_ROWS else int((1 << (wanted - 1).bit_length()) - 1)


def _folds(
    question: Question, mask: int, pace: Pace | None, told: Callable[[int], None]
) -> tuple[Fold, Fold]:
    return question.both(
        lambda side: fold(side, mask, pace, told if side is question.source else _untold)
    )


def _untold(_: int) -> None:
    pass


def fold(side: Side, mask: int, pace: Pace | None, told: Callable[[int], None]) -> Fold:
    """One side's buckets."""
    reader = HeapReader(side, pace)
    folded: Sums = {}
    done = 0
    for rows in reader.answers(lambda r, where: _fold_query(side, mask, r, where)):
        for bucket, *numbers in rows:
            known = folded.setdefault(bucket, [0, Decimal(0)])
            for n, number in enumerate(numbers):
                known[n] += number
            done += numbers[0]
        told(done)
    return Fold(folded, reader.snapshots, reader.written(mask))


def count_differences(
    question: Question,
    result: Tally,
    mask: int,
    folds: Sequence[Fold],
    suspects: Collection[int],
) -> int:
    """Read some buckets again, a batch at a time, count what differs; the source's rows in them."""
    sizes = {b: max(f.rows([b]) for f in folds) for b in suspects}
    return sum(
        count_buckets(question, result, mask, batch) for batch in batches(sorted(suspects), sizes)
    )


def batches(suspects: Sequence[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Buckets to be fetched at once."""
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


def count_buckets(question: Question, result: Tally, mask: int, batch: Sequence[int]) -> int:
    """Count what differs in some buckets; the source's rows in them."""
    one, other = question.both(lambda side: _pairs(side, mask, batch))
    judged(question, result, Rows(one, other))
    return sum(one.values())


def _pairs(side: Side, mask: int, batch: Sequence[int]) -> Counter[Pair]:
    """How often each pair of hashes is there; equal rows are counted by the server."""
    rows, _ = side.session.ask(_pairs_query(side, mask, batch))
    return Counter({(key, row): count for key, row, count in rows})


def keyed_rows(side: Side, where: sql.Composable, relation: sql.Composable) -> sql.Composed:
    """The rows `r` with the hash of their key beside them, computed once a row."""
    return sql.SQL("(select r.*, {} as {} from {} r where {} offset 0) r").format(
        side.hashes.key, _KEY, relation, where
    )


def _fold_query(
    side: Side, mask: int, relation: sql.Composable, where: sql.Composable
) -> sql.Composed:
    if not mask:
        return sql.SQL("select 0, count(*), coalesce(sum({}), 0) from {} r where {}").format(
            side.hashes.row, relation, where
        )
    return sql.SQL(
        "select ({} & {})::int4, count(*), sum({}) from {} r where {} group by 1"
    ).format(side.hashes.key, sql.Literal(mask), side.hashes.row, relation, where)


def _pairs_query(side: Side, mask: int, batch: Sequence[int]) -> sql.Composed:
    return sql.SQL(
        "select r.{k}, r.{h}, count(*) from (select r.{k}, {row} as {h} from {rows}"
        " where (r.{k} & {mask}) = any ({batch}::int8[]) offset 0) r group by 1, 2"
    ).format(
        k=_KEY,
        h=_ROW,
        row=side.hashes.row,
        rows=keyed_rows(side, side.where, side.table.relation),
        mask=sql.Literal(mask),
        batch=sql.Literal(list(batch)),
    )
