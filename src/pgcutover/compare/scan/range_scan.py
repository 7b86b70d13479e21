"""Scans a table by ranges of its key: both sides at once, chunk after chunk."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.compare.plan.key_domain import KeyDomain, KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.compare.plan.range_sql import edge_query, range_query
from pgcutover.compare.scan.chunk_planner import Chunk, ChunkPlanner
from pgcutover.compare.scan.sessions import SHORTER, SideSession
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.sides import LABELS, Sides

_DETAIL_FROM = 0.25  # of the ranges differ: reading the hashes of all rows at once is cheaper
_DETAIL_RANGES = 1024
_MOST_RANGES = 4096
_PATIENCE = 10.0  # times the target seconds, after which a chunk is cut in two
_LEAST_SECONDS = 5.0  # before that

Rows = list[tuple[Any, ...]]
_Reply = Future[tuple[Rows, float] | None]


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The rows that both sides returned for a chunk, one a range.

    In detail a row holds packed pairs of hashes, else a sum. `seconds` is the slower side's.
    """

    chunk: Chunk
    detail: bool
    rows: Sides[Rows]
    seconds: float

    @property
    def suspects(self) -> list[int]:
        """Return the numbers of the ranges that differ."""
        pairs = zip(*self.rows, strict=True)
        return [n for n, (source, target) in enumerate(pairs) if source[1:3] != target[1:3]]

    @property
    def differing(self) -> list[KeyRange]:
        """Return the ranges that differ."""
        return [self.chunk.ranges[n] for n in self.suspects]

    def size(self, n: int) -> int:
        """Return the rows of the larger side in a range."""
        return int(max(rows[n][1] for rows in self.rows))

    @property
    def counts(self) -> Sides[int]:
        """Return the number of rows of each side."""
        return self.rows.map(lambda rows: sum(row[1] for row in rows))


class RangeScan:
    """Reads chunks of both sides ahead of their consumer, as far as connections allow."""

    def __init__(
        self,
        comparison: TableComparison,
        domain: KeyDomain,
        planner: ChunkPlanner,
        snapshot_seconds: float,
    ) -> None:
        """Read nothing yet; snapshots older than `snapshot_seconds` are renewed between chunks."""
        self._snapshot_seconds = snapshot_seconds
        self.snapshots = 1
        self._is_fresh = True  # a snapshot serves for one chunk at least
        self._comparison, self._domain, self._planner = comparison, domain, planner
        self._target_seconds = planner.target_seconds
        self._differing = 0.0

    @property
    def _sessions(self) -> Sides[SideSession]:
        return self._comparison.sides.map(lambda side: side.session)

    def chunks(self) -> Generator[ChunkResult, None, None]:
        """Yield every chunk of the key domain in order."""
        pools = self._sessions.map(lambda session: ThreadPoolExecutor(session.connections))
        try:
            yield from self._read_ahead(pools)
        except BaseException:
            for session in self._sessions:
                session.cancel()
            raise
        finally:
            for pool in pools:
                pool.shutdown(cancel_futures=True)

    def _read_ahead(self, pools: Sides[ThreadPoolExecutor]) -> Iterator[ChunkResult]:
        most = max(session.connections for session in self._sessions) + 1
        waiting: deque[tuple[Chunk, bool, Sides[_Reply]]] = deque()
        self._adapt()
        while True:
            while len(waiting) < most and not self._is_stale:
                if (chunk := self._next()) is None:
                    break
                waiting.append(self._submit(pools, chunk))
                self._is_fresh = False
            if waiting:
                yield from self._collect(*waiting.popleft())
            elif self._is_stale:
                self._renew()
            else:
                return

    @property
    def _is_stale(self) -> bool:
        return not self._is_fresh and any(
            session.age_seconds > self._snapshot_seconds or session.should_release_snapshot
            for session in self._sessions
        )

    def _renew(self) -> None:
        """Take new snapshots, because old ones keep vacuum from removing dead rows.

        While other sessions are active, one connection a side is used.
        """
        self.snapshots += 1
        self._is_fresh = True
        for session in self._sessions:
            session.close_snapshot()
        for session in self._sessions:
            session.snapshot()
        self._adapt()

    def _adapt(self) -> None:
        """Shorten chunks and use one connection while others are active; else use all."""
        is_busy = any(session.should_release_snapshot for session in self._sessions)
        self._planner.set_target_seconds(self._target_seconds * (SHORTER if is_busy else 1.0))
        if not is_busy:
            for session in self._sessions:
                session.share_snapshot()

    def _next(self) -> Chunk | None:
        return self._planner.next(_DETAIL_RANGES if self._is_detail else _MOST_RANGES)

    @property
    def _is_detail(self) -> bool:
        return self._differing > _DETAIL_FROM and self._planner.is_fine

    def _submit(
        self, pools: Sides[ThreadPoolExecutor], chunk: Chunk
    ) -> tuple[Chunk, bool, Sides[_Reply]]:
        detail = self._is_detail
        replies = pools.combine(
            self._comparison.sides,
            lambda pool, side: pool.submit(self._fetch, side, chunk, detail),
        )
        return chunk, detail, replies

    def _fetch(self, side: TableSide, chunk: Chunk, detail: bool) -> tuple[Rows, float] | None:
        """Return the rows of a chunk and the seconds; None where it took too long."""
        query = range_query(side, self._domain, chunk.ranges, detail=detail)
        limit = max(self._target_seconds * _PATIENCE, _LEAST_SECONDS) if chunk.halves() else 0.0
        with unreadable_on_error(side.label, self._comparison.name):
            try:
                return side.session.fetch(query, limit, by_index=True)
            except psycopg.errors.QueryCanceled:
                if not limit:
                    raise
                return None

    def _collect(self, chunk: Chunk, detail: bool, replies: Sides[_Reply]) -> Iterator[ChunkResult]:
        source, target = (reply.result() for reply in replies)
        if source is None or target is None:
            yield from self._collect_halves(chunk)
            return
        result = ChunkResult(chunk, detail, Sides(source[0], target[0]), max(source[1], target[1]))
        rows = max(result.counts)
        self._planner.learn(chunk, rows, result.seconds)
        if rows:
            self._differing = len(result.suspects) / min(len(chunk.ranges), rows)
        elif (cursor := self._planner.cursor) is not None:
            self._planner.skip_to(self._first_from(cursor))
        yield result

    def _collect_halves(self, chunk: Chunk) -> Iterator[ChunkResult]:
        for half in chunk.halves():
            with ThreadPoolExecutor(2) as pool:
                yield from self._collect(*self._submit(Sides(pool, pool), half))

    def _first_from(self, ordinal: int) -> int:
        """Return the ordinal of either side's next row, so that gaps cost no chunks."""

        def fetch(side: TableSide) -> int | None:
            query = edge_query(side, self._domain, KeyRange(ordinal, None), sql.SQL("asc"))
            rows = side.fetch(query, by_index=True)
            return self._domain.ordinal(rows[0][0]) if rows else self._domain.highest

        found = self._comparison.fetch_both(fetch)
        return min(ordinal if n is None else n for n in found)


def fetch_key_bounds(comparison: TableComparison, domain: KeyDomain) -> tuple[int, int]:
    """Return the least and greatest ordinal of either side; infinities have none."""

    def fetch(side: TableSide) -> list[int | None]:
        queries = [edge_query(side, domain, KeyRange(None, None), order) for order in _ORDERS]
        edges = [side.fetch(query, by_index=True) for query in queries]
        return [domain.ordinal(rows[0][0]) if rows else None for rows in edges]

    found = comparison.fetch_both(fetch)
    lows = [low for low, _ in found if low is not None]
    highs = [high for _, high in found if high is not None]
    low = min(lows, default=0 if domain.lowest <= 0 else domain.lowest)
    return low, max([low, *highs])


_ORDERS = (sql.SQL("asc"), sql.SQL("desc"))


def require_index_scan(comparison: TableComparison, domain: KeyDomain) -> None:
    """Raise UnreadableError if a side would sort, or scan a whole large table for each range."""
    ranges = [KeyRange(0, 255)] if domain.lowest <= 0 else [KeyRange(1, 2)]

    def plan(side: TableSide) -> list[str]:
        query = range_query(side, domain, ranges)
        explain = sql.SQL("explain (format json) {}").format(query)
        return list(_nodes(side.fetch(explain, by_index=True)[0][0][0]["Plan"]))

    for label, nodes in zip(LABELS, comparison.fetch_both(plan), strict=True):
        for bad in ("Seq Scan", "Sort", "Bitmap Heap Scan"):
            if bad in nodes:
                raise UnreadableError(
                    f"{comparison.name}: expected an index scan for each key range on the {label}, "
                    f"found a {bad.lower()}; no row was read; analyze the table, or check the "
                    "index of its key"
                )


def _nodes(plan: dict[str, Any]) -> Iterator[str]:
    yield str(plan["Node Type"])
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
