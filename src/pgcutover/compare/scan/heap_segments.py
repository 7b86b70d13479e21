"""Sequential scan of a table in time-bounded segments, renewing the snapshot between segments.

A row not modified since the first snapshot keeps its ctid, so the scan reads it exactly once.
Buckets with any other row must be read again in one snapshot, and the whole table where its heap
was rewritten (VACUUM FULL, CLUSTER, TRUNCATE).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pgcutover.compare.hashing.row_text import ComparedTable
from pgcutover.compare.plan.model import TableSide
from pgcutover.compare.scan.sessions import SHORTER

_TID_RANGE_SINCE = 140000  # PostgreSQL 14 reads ranges of ctid by a TID Range Scan
_FIRST_ROWS = 500_000
_FEWEST_PAGES = 64
_MOST_GROWTH = 4

Query = Callable[[sql.Composable, sql.Composable], sql.Composed]


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """Target time of a segment or chunk, and the greatest age of a snapshot."""

    target_seconds: float
    snapshot_seconds: float


@dataclass(frozen=True, slots=True)
class _Mark:
    """The oldest transaction invisible to the first snapshot, and the heap files at that time."""

    xid: str
    heaps: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    """One segment: relation, condition and number of pages, 0 for the whole table."""

    relation: sql.Composable
    where: sql.Composable
    pages: int = 0


class HeapScan:
    """Reads one side of a table once; without limits in the current snapshot."""

    def __init__(self, side: TableSide, limits: ScanLimits | None) -> None:
        """Plan the first segment from the table's statistics."""
        self._side, self._limits = side, limits
        density = max(side.stats.rows_estimate, 1) / max(side.stats.pages, 1)
        self._pages = max(_FEWEST_PAGES, int(_FIRST_ROWS / density))
        self._mark: _Mark | None = None
        self.snapshots = 1

    def fetch_segments(self, query: Query) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a query for each segment, given its relation and condition."""
        for number, segment in enumerate(self._segments()):
            if number:
                self._pause_between_segments()
            rows, seconds = self._side.fetch_timed(query(segment.relation, segment.where))
            self._learn(segment.pages, seconds)
            yield rows

    def fetch_written_buckets(self, mask: int) -> frozenset[int] | None:
        """Return the buckets with rows written since the first snapshot; None for all buckets."""
        if self.snapshots == 1:
            return frozenset()
        if self._mark is None or self._fetch_mark().heaps != self._mark.heaps:
            return None
        query = sql.SQL(
            "select distinct ({key} & {mask})::int4 from {table} r where {where}"
            " and age(r.xmin) <= age({xid}::xid)"
        ).format(
            key=self._side.hashes.key,
            mask=sql.Literal(mask),
            table=self._side.table.relation,
            where=self._side.where,
            xid=sql.Literal(self._mark.xid),
        )
        return frozenset(bucket for (bucket,) in self._side.fetch(query))

    def _segments(self) -> Iterator[_Segment]:
        side, stats = self._side, self._side.stats
        version = side.session.open[0].info.server_version
        can_cut = version >= _TID_RANGE_SINCE and stats.kind in "rp"
        if not can_cut or stats.pages <= self._pages or not stats.leaves:
            yield _Segment(side.table.relation, side.where)
            return
        if self._limits is not None:
            self._mark = self._fetch_mark()
        for leaf, leaf_pages in zip(stats.leaves, stats.leaf_pages, strict=True):
            relation, first = ComparedTable(leaf, (), (), alone=True).relation, 0
            while first < max(leaf_pages, 1):
                pages, end = self._pages, first + self._pages
                # rows appended during the scan are in the last segment
                blocks = _blocks(first, None if end >= leaf_pages else end)
                where = sql.SQL("{} and {}").format(side.where, blocks)
                yield _Segment(relation, where, pages)
                first = end

    def _pause_between_segments(self) -> None:
        """Take a new snapshot where the old one is too old, or while other sessions are active."""
        session, limits = self._side.session, self._limits
        if limits is None or self._mark is None:
            session.pause()
        elif session.should_release_snapshot or session.age_seconds > limits.snapshot_seconds:
            session.snapshot()
            self.snapshots += 1

    def _learn(self, pages: int, seconds: float) -> None:
        if self._limits is None or not pages or seconds <= 0:
            return
        is_busy = self._side.session.should_release_snapshot
        target = self._limits.target_seconds * (SHORTER if is_busy else 1.0)
        affordable = int(pages / seconds * target)
        self._pages = min(max(affordable, _FEWEST_PAGES), pages * _MOST_GROWTH)

    def _fetch_mark(self) -> _Mark:
        query = sql.SQL(
            "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint % 4294967296,"
            " (select array_agg(array[c.oid::text, pg_relation_filenode(c.oid)::text] order by n)"
            " from unnest({}::text[], {}::text[]) with ordinality l (s, t, n)"
            " cross join lateral to_regclass(format('%I.%I', s, t)) c (oid))"
        ).format(
            sql.Literal([leaf.schema for leaf in self._side.stats.leaves]),
            sql.Literal([leaf.name for leaf in self._side.stats.leaves]),
        )
        ((xid, heaps),) = self._side.fetch(query)
        return _Mark(str(xid), tuple(map(tuple, heaps)))


def _blocks(first: int, end: int | None) -> sql.Composed:
    begin = sql.SQL("r.ctid >= {}::tid").format(sql.Literal(f"({first},0)"))
    if end is None:
        return begin
    return sql.SQL("{} and r.ctid < {}::tid").format(begin, sql.Literal(f"({end},0)"))
