"""Comparing a table by ranges of its key: chunk after chunk, cell by cell, both sides at once."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.compare.hashing.encode import reference
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.key_domain import COARSE_ROWS, Cell, Chunk, Grid, RangePlanner
from pgcutover.compare.scan.sessions import SHORTER, saying
from pgcutover.errors import UnreadableError

DENSE_ROWS = 200_000  # in one cell: too many to be fetched at once
_DETAIL_FROM = 0.25  # of the cells differ: reading the hashes of all rows at once is cheaper
VERSION = sql.Identifier("pgcutover version")
_DETAIL_CELLS = 1024
_SPARE = 10.0  # times the target before a chunk is cut in two
_LEAST_SECONDS = 5.0  # before that


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """What both sides answered about a chunk; `suspects` are its cells that differ.

    In detail each cell holds packed pairs of hashes, else its sum. `seconds` is the slower side's.
    """

    chunk: Chunk
    detail: bool
    source: list[tuple[Any, ...]]
    target: list[tuple[Any, ...]]
    seconds: float

    @property
    def suspects(self) -> list[int]:
        """The numbers of the cells that differ."""
        pairs = zip(self.source, self.target, strict=True)
        return [n for n, (one, other) in enumerate(pairs) if one[1:3] != other[1:3]]

    @property
    def differing(self) -> list[Cell]:
        """The cells that differ."""
        return [self.chunk.cells[n] for n in self.suspects]

    def size(self, cell: int) -> int:
        """The rows of the side that has more of them in a cell."""
        return int(max(self.source[cell][1], self.target[cell][1]))

    @property
    def rows(self) -> tuple[int, int]:
        """The rows of both sides."""
        return sum(r[1] for r in self.source), sum(r[1] for r in self.target)


class RangeReader:
    """Reads chunks of both sides ahead of whoever judges them, as far as connections allow."""

    def __init__(
        self, question: Question, grid: Grid, planner: RangePlanner, snapshot_seconds: float
    ) -> None:
        """Nothing is read yet; snapshots that grow older than that are renewed between chunks."""
        self._snapshot_seconds = snapshot_seconds
        self.snapshots = 1
        self._is_fresh = True  # a snapshot serves for one chunk at least
        self._question, self._grid, self._planner = question, grid, planner
        self._target_seconds = planner.target_seconds
        self._differing = 0.0

    def chunks(self) -> Generator[ReadChunk, None, None]:
        """Every chunk of the key's line, in order."""
        sides = (self._question.source, self._question.target)
        pools = [ThreadPoolExecutor(s.session.connections) for s in sides]
        ahead = max(s.session.connections for s in sides) + 1
        self._adapt()
        waiting: deque[tuple[Chunk, bool, list[Future[Any]]]] = deque()
        try:
            while True:
                while len(waiting) < ahead and not self._is_stale:
                    if (chunk := self._next()) is None:
                        break
                    waiting.append(self._asked(pools, chunk))
                    self._is_fresh = False
                if not waiting:
                    if not self._is_stale:
                        return
                    self._renew()
                    continue
                yield from self._answered(*waiting.popleft())
        except BaseException:
            for side in sides:
                side.session.cancel()
            raise
        finally:
            for pool in pools:
                pool.shutdown(cancel_futures=True)

    @property
    def _is_stale(self) -> bool:
        return not self._is_fresh and any(
            s.session.age_seconds > self._snapshot_seconds or s.session.wants_rest
            for s in (self._question.source, self._question.target)
        )

    def _renew(self) -> None:
        """Take new snapshots: an old one keeps vacuum from its work on the whole server.

        One at a time is enough, and shall be short, while others are at work.
        """
        self.snapshots += 1
        self._is_fresh = True
        sessions = [s.session for s in (self._question.source, self._question.target)]
        for session in sessions:
            session.close_snapshot()
        for session in sessions:
            session.snapshot()
        self._adapt()

    def _adapt(self) -> None:
        """Short and alone while others are at work, else as wide as allowed."""
        sessions = [s.session for s in (self._question.source, self._question.target)]
        spare = any(session.wants_rest for session in sessions)
        self._planner.aim(self._target_seconds * (SHORTER if spare else 1.0))
        if not spare:
            for session in sessions:
                session.widen()

    def _next(self) -> Chunk | None:
        return self._planner.next(_DETAIL_CELLS if self._is_detail else 4096)

    @property
    def _is_detail(self) -> bool:
        return self._differing > _DETAIL_FROM and self._planner.is_fine

    def _asked(
        self, pools: Sequence[ThreadPoolExecutor], chunk: Chunk
    ) -> tuple[Chunk, bool, list[Future[Any]]]:
        sides, detail = (self._question.source, self._question.target), self._is_detail
        asked = [
            pool.submit(self._ask, side, chunk, detail)
            for pool, side in zip(pools, sides, strict=True)
        ]
        return chunk, detail, asked

    def _ask(self, side: Side, chunk: Chunk, detail: bool) -> tuple[list[Any], float] | None:
        """None where it took too long."""
        query = cells_query(side, self._grid, chunk.cells, detail=detail)
        limit = max(self._target_seconds * _SPARE, _LEAST_SECONDS) if chunk.halves() else 0.0
        with saying(side.label, self._question.name):
            try:
                return side.session.ask(query, limit, by_index=True)
            except psycopg.errors.QueryCanceled:
                if not limit:
                    raise
                return None

    def _answered(
        self, chunk: Chunk, detail: bool, asked: list[Future[Any]]
    ) -> Iterator[ReadChunk]:
        one, other = (future.result() for future in asked)
        if one is None or other is None:
            for half in chunk.halves():
                with ThreadPoolExecutor(2) as pool:
                    yield from self._answered(*self._asked([pool, pool], half))
            return
        read = ReadChunk(chunk, detail, one[0], other[0], max(one[1], other[1]))
        rows = max(read.rows)
        self._planner.learn(chunk, rows, read.seconds)
        if rows:
            filled = min(len(chunk.cells), rows)
            self._differing = len(read.suspects) / filled
        elif (cursor := self._planner.cursor) is not None:
            self._planner.jump(self._first_from(cursor))
        yield read

    def _first_from(self, position: int) -> int:
        """Where the next row of either side is, so that empty stretches cost nothing."""

        def asked(side: Side) -> int | None:
            cell = Cell(position, None)
            query = _edge_query(side, self._grid, cell, sql.SQL("asc"))
            rows, _ = side.session.ask(query, by_index=True)
            return self._grid.position(rows[0][0]) if rows else self._grid.highest

        found = self._question.both(asked)
        return min(position if p is None else p for p in found)


def cut_finer(
    question: Question, grid: Grid, coarse: Sequence[tuple[Cell, int]]
) -> Iterator[tuple[Cell, int]]:
    """The differing cells within too full ones, and their rows: each is cut until it is fine."""
    waiting = list(coarse)
    while waiting:
        cell, rows = waiting.pop()
        parts = cell.cut(rows)
        if len(parts) == 1:
            yield cell, rows
            continue

        def asked(side: Side, parts: Sequence[Cell] = parts) -> list[tuple[Any, ...]]:
            return side.session.ask(cells_query(side, grid, parts), by_index=True)[0]

        for part, one, other in zip(parts, *question.both(asked), strict=True):
            if one[1:] != other[1:]:
                size = max(one[1], other[1])
                if size > COARSE_ROWS:
                    waiting.append((part, size))
                else:
                    yield part, size


def key_bounds(question: Question, grid: Grid) -> tuple[int, int]:
    """The least and the greatest position of either side; infinities are left to the ends."""
    everything = Cell(None, None)

    def asked(side: Side) -> tuple[int | None, int | None]:
        edges = []
        for order in ("asc", "desc"):
            query = _edge_query(side, grid, everything, sql.SQL(order))
            rows, _ = side.session.ask(query, by_index=True)
            edges.append(grid.position(rows[0][0]) if rows else None)
        return edges[0], edges[1]

    found = question.both(asked)
    lows = [low for low, _ in found if low is not None]
    highs = [high for _, high in found if high is not None]
    low = min(lows, default=0 if grid.lowest <= 0 else grid.lowest)
    return low, max([low, *highs])


def cells_query(
    side: Side, grid: Grid, cells: Sequence[Cell], *, detail: bool = False
) -> sql.Composed:
    """A query of (number, rows, sum of hashes) a cell, or packed pairs of hashes."""
    aggregate = (
        sql.SQL("count(*), string_agg(int8send({k}) || int8send({h}), '')")
        if detail
        else sql.SQL("count(*), sum({h})")
    ).format(k=side.hashes.key, h=side.hashes.row)
    return sql.SQL(
        "select s.n, f.* from {cells}, lateral (select {aggregate} from {table} r where {within}) f"
    ).format(
        cells=_cells(grid, cells),
        aggregate=aggregate,
        table=side.table.relation,
        within=within(side),
    )


def located(side: Side, grid: Grid | None, cells: Iterable[Cell | None]) -> sql.Composed:
    """What stands after FROM, with WHERE, to read `r` in these cells alone; all of it without.

    Beside its columns `r` has its `xmin`, which a subselect would lose, as VERSION.
    """
    wanted = [cell for cell in dict.fromkeys(cells) if cell is not None]
    rows = sql.SQL("(select r.*, r.xmin as {} from {} r)").format(VERSION, side.table.relation)
    if grid is None or not wanted:
        return sql.SQL("{} r where {}").format(rows, side.where)
    return sql.SQL("{}, lateral (select * from {} r where {}) r where true").format(
        _cells(grid, wanted), rows, within(side)
    )


def within(side: Side) -> sql.Composed:
    """That a row lies in the cell `s`."""
    return sql.SQL("{k} >= s.first and {k} <= s.last and {where}").format(
        k=reference(side.table.key[0]), where=side.where
    )


def refuse_surprises(question: Question, grid: Grid) -> None:
    """UnreadableError where a side would sort, or read a whole large table for each cell."""

    def planned(side: Side) -> list[str]:
        query = cells_query(side, grid, [Cell(0, 255)] if grid.lowest <= 0 else [Cell(1, 2)])
        explain = sql.SQL("explain (format json) {}").format(query)
        rows, _ = side.session.ask(explain, by_index=True)
        return list(_nodes(rows[0][0][0]["Plan"]))

    for side, nodes in zip(("source", "target"), question.both(planned), strict=True):
        for bad in ("Seq Scan", "Sort", "Bitmap Heap Scan"):
            if bad in nodes:
                raise UnreadableError(
                    f"{question.name}: the {side} would answer each range of the key by a "
                    f"{bad.lower()}; expected an index scan, so nothing was read; analyze the "
                    "table, or check the index of its key"
                )


def _nodes(plan: dict[str, Any]) -> Iterator[str]:
    yield str(plan["Node Type"])
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _edge_query(side: Side, grid: Grid, cell: Cell, order: sql.SQL) -> sql.Composed:
    """The first key of a cell in that order, as text."""
    key = reference(side.table.key[0])
    return sql.SQL(
        "select f.k from {cells}, lateral (select {k}::text as k from {table} r where {within}"
        " order by {k} {order} limit 1) f"
    ).format(
        cells=_cells(grid, [cell]),
        k=key,
        table=side.table.relation,
        within=within(side),
        order=order,
    )


def _cells(grid: Grid, cells: Sequence[Cell]) -> sql.Composed:
    return sql.SQL("unnest({}, {}) with ordinality s (first, last, n)").format(
        grid.firsts(cells), grid.lasts(cells)
    )
