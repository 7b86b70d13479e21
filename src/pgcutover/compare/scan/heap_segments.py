"""A heap read in stretches that take about as long as they should, in several snapshots if need be.

A row that nobody has written since the first snapshot lies where it lay, and is read once whatever
the snapshots. Buckets that hold any other row are to be read again in one snapshot; everything is,
where the heap itself was made anew (VACUUM FULL, CLUSTER, TRUNCATE).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pgcutover.compare.hashing.row_text import SideTable
from pgcutover.compare.plan.model import Side
from pgcutover.compare.scan.sessions import SHORTER

_TID_RANGE_SINCE = 140000
_FIRST_ROWS = 500_000
_LEAST_PAGES = 64
_MOST_GROWTH = 4

Query = Callable[[sql.Composable, sql.Composable], sql.Composed]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a stretch shall take, and how old a snapshot may become."""

    target_seconds: float
    snapshot_seconds: float


@dataclass(frozen=True, slots=True)
class _Mark:
    """The oldest transaction that the first snapshot may not see, and which heaps there were."""

    xid: str
    heaps: tuple[tuple[Any, ...], ...]


class HeapReader:
    """Reads one side of a table once; without a pace in the one snapshot that there is."""

    def __init__(self, side: Side, pace: Pace | None) -> None:
        """Nothing is read yet."""
        self._side, self._pace = side, pace
        density = max(side.facts.rows_estimate, 1) / max(side.facts.pages, 1)
        self._pages = max(_LEAST_PAGES, int(_FIRST_ROWS / density))
        self._mark: _Mark | None = None
        self.snapshots = 1

    def answers(self, query: Query) -> Iterator[list[tuple[Any, ...]]]:
        """What the query answers for each stretch, given its relation and its condition."""
        session = self._side.session
        for number, (relation, where, pages) in enumerate(self._stretches()):
            if number:
                self._rest()
            rows, seconds = session.ask(query(relation, where))
            self._learn(pages, seconds)
            yield rows

    def written(self, mask: int) -> frozenset[int] | None:
        """Buckets with rows that were written since the first snapshot; None: all of them."""
        if self.snapshots == 1:
            return frozenset()
        if self._mark is None or self._marked().heaps != self._mark.heaps:
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
        rows, _ = self._side.session.ask(query)
        return frozenset(bucket for (bucket,) in rows)

    def _stretches(self) -> Iterator[tuple[sql.Composable, sql.Composable, int]]:
        """What stands after FROM, the condition, and the pages of each; 0 where it is all."""
        side, facts = self._side, self._side.facts
        version = side.session.open[0].info.server_version
        can_cut = version >= _TID_RANGE_SINCE and facts.kind in "rp"
        if not can_cut or facts.pages <= self._pages or not facts.leaves:
            yield side.table.relation, side.where, 0
            return
        if self._pace is not None:
            self._mark = self._marked()
        for leaf, leaf_pages in zip(facts.leaves, facts.leaf_pages, strict=True):
            relation, first = SideTable(leaf, (), (), alone=True).relation, 0
            while first < max(leaf_pages, 1):
                pages, end = self._pages, first + self._pages
                # what is appended meanwhile belongs to the last one
                blocks = _blocks(first, None if end >= leaf_pages else end)
                yield relation, sql.SQL("{} and {}").format(side.where, blocks), pages
                first = end

    def _rest(self) -> None:
        """Between two stretches: a new snapshot where the old one is old, or others are at work."""
        session, pace = self._side.session, self._pace
        if pace is None or self._mark is None:
            session.pause()
        elif session.wants_rest or session.age_seconds > pace.snapshot_seconds:
            session.snapshot()
            self.snapshots += 1

    def _learn(self, pages: int, seconds: float) -> None:
        if self._pace is None or not pages or seconds <= 0:
            return
        target = self._pace.target_seconds * (SHORTER if self._side.session.wants_rest else 1.0)
        affordable = int(pages / seconds * target)
        self._pages = min(max(affordable, _LEAST_PAGES), pages * _MOST_GROWTH)

    def _marked(self) -> _Mark:
        query = sql.SQL(
            "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint % 4294967296,"
            " (select array_agg(array[c.oid::text, pg_relation_filenode(c.oid)::text] order by n)"
            " from unnest({}::text[], {}::text[]) with ordinality l (s, t, n)"
            " cross join lateral to_regclass(format('%I.%I', s, t)) c (oid))"
        ).format(
            sql.Literal([leaf.schema for leaf in self._side.facts.leaves]),
            sql.Literal([leaf.name for leaf in self._side.facts.leaves]),
        )
        ((xid, heaps),), _ = self._side.session.ask(query)
        return _Mark(str(xid), tuple(map(tuple, heaps)))


def _blocks(first: int, end: int | None) -> sql.Composed:
    begin = sql.SQL("r.ctid >= {}::tid").format(sql.Literal(f"({first},0)"))
    if end is None:
        return begin
    return sql.SQL("{} and r.ctid < {}::tid").format(begin, sql.Literal(f"({end},0)"))
