"""Comparing a table by buckets of its key's hash: for keys that have no common order, or no key.

One sequential read of each side, in stretches of its heap where the server can (TID range scans,
PostgreSQL 14), whose sums are added up bucket by bucket.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from psycopg import sql

from pgcutover.compare.judging import judged
from pgcutover.compare.question import Question, Side
from pgcutover.compare.rowtext import SideTable
from pgcutover.compare.tally import Pair, Rows, Tally

Fold = dict[int, list[int | Decimal]]
_ROWS_A_BUCKET = 256
_MOST_BUCKETS = 16_384
_FETCHED_ROWS = 50_000
_TID_RANGE_SINCE = 140000
_KEY, _ROW = sql.Identifier("pgcutover key"), sql.Identifier("pgcutover row")


def bucket_mask(rows: int) -> int:
    """How many buckets, less one, for about so many rows; a power of two less one."""
    wanted = min(max(rows // _ROWS_A_BUCKET, 1), _MOST_BUCKETS)
    return 0 if rows <= _FETCHED_ROWS else int((1 << (wanted - 1).bit_length()) - 1)


def fold(side: Side, mask: int, pages: int, progress: Callable[[int], None]) -> Fold:
    """(rows, sum of hashes) of each bucket; `pages` is how much to read at once."""
    folded: Fold = {}
    done = 0
    for relation, where in stretches(side, pages):
        side.session.pause()
        rows, _ = side.session.ask(_fold_query(side, mask, relation, where))
        for bucket, *numbers in rows:
            known = folded.setdefault(bucket, [0, Decimal(0)])
            for n, number in enumerate(numbers):
                known[n] += number
            done += numbers[0]
        progress(done)
    return folded


def stretches(side: Side, pages: int) -> Iterator[tuple[sql.Composable, sql.Composable]]:
    """The table in pieces: what stands after FROM, and the condition of each."""
    facts, everything = side.facts, side.table.relation
    connection = side.session.open[0]
    can_cut = connection.info.server_version >= _TID_RANGE_SINCE and facts.kind in "rp"
    if not can_cut or facts.pages <= pages or not facts.leaves:
        yield everything, side.where
        return
    for leaf, leaf_pages in zip(facts.leaves, facts.leaf_pages, strict=True):
        relation = SideTable(leaf, (), (), alone=True).relation
        for first in range(0, max(leaf_pages, 1), pages):
            is_last = first + pages >= leaf_pages
            yield (
                relation,
                sql.SQL("{} and {}").format(
                    side.where, _blocks(first, None if is_last else first + pages)
                ),
            )


def count_differences(
    question: Question,
    result: Tally,
    mask: int,
    folds: Sequence[Mapping[int, Sequence[int | Decimal]]],
) -> None:
    """Read the differing buckets again, a batch at a time, and count what differs in them."""
    one, other = folds
    suspects = sorted(b for b in one.keys() | other.keys() if one.get(b) != other.get(b))
    sizes = {b: int(max(f[b][0] for f in folds if b in f)) for b in suspects}
    for batch in batches(suspects, sizes):
        count_buckets(question, result, mask, batch)


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


def count_buckets(question: Question, result: Tally, mask: int, batch: Sequence[int]) -> None:
    """Count what differs in some buckets."""
    one, other = question.both(lambda side: _pairs(side, mask, batch))
    judged(question, result, Rows(one, other))


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


def _blocks(first: int, end: int | None) -> sql.Composed:
    begin = sql.SQL("r.ctid >= {}::tid").format(sql.Literal(f"({first},0)"))
    if end is None:
        return begin
    return sql.SQL("{} and r.ctid < {}::tid").format(begin, sql.Literal(f"({end},0)"))
