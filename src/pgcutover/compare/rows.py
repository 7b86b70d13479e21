"""Comparing the rows of one table: fold both sides, look closer where they differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import chain

import psycopg
from psycopg import sql

from pgcutover.compare.differences.counts import SAMPLE_LIMIT, Suspect, Tally, unpacked
from pgcutover.compare.differences.distribution import spread
from pgcutover.compare.differences.row_sample import RowSample, diagnose_columns, fetch_sample
from pgcutover.compare.differences.within_tolerance import judged
from pgcutover.compare.live.fence import Fence
from pgcutover.compare.live.recheck import settle
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.bucket_scan import compare_buckets
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.compare.scan.chunk_log import Keeper, keeping, untold
from pgcutover.compare.scan.heap_segments import Pace
from pgcutover.compare.scan.key_domain import COARSE_ROWS, Cell, Grid, RangePlanner
from pgcutover.compare.scan.range_scan import (
    DENSE_ROWS,
    RangeReader,
    ReadChunk,
    cells_query,
    cut_finer,
    key_bounds,
    refuse_surprises,
)
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.progress import Progress
from pgcutover.redact import keyed_hash
from pgcutover.verdict import Finding

SMALL_ROWS = 50_000  # from here on a table is read in chunks
_DETAIL_ROWS = 50_000  # fetched at once
_CELLS_AGAIN = 200


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan of both sides found."""

    question: Question
    rows_source: int
    tally: Tally
    in_flight: int = 0
    moving: tuple[Suspect, ...] = ()
    reading: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def rows_target(self) -> int:
        """The target's rows; those that arrived while we waited count as arrived."""
        return self.rows_source + self.tally.surplus

    @property
    def facts(self) -> dict[str, object]:
        """What is worth knowing even when nothing differs."""
        facts: dict[str, object] = {
            "rows_source": self.rows_source,
            "rows_target": self.rows_target,
            "method": self.question.method,
            "methods": self.question.methods,
            "read_by": self.reading,
            **self.notes,
        }
        if self.question.not_proven:
            facts["not_proven"] = list(self.question.not_proven)
        if self.question.tolerances:
            facts["not_proven_exactly"] = {t.column: str(t) for _, t in self.question.tolerances}
        return facts | ({"in_flight": self.in_flight} if self.in_flight else {})


@dataclass(slots=True)
class _Counting:
    """What has been counted so far in one scan."""

    rows: int = 0
    has_suspects: bool = False
    tally: Tally = field(default_factory=Tally)
    notes: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read: pace, age of snapshots, where chunks are kept, who is told."""

    chunk_seconds: float = 1.0
    snapshot_seconds: float = 900.0
    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(None, resume=False))
    fingerprint: Callable[[Question], str] = lambda _: ""
    progress: Progress = untold


def scan(question: Question, reading: Reading) -> Scan:
    """One scan of each side, both at once, and a second look at what differs."""
    grid = question.grid
    if grid is not None and question.rows_estimate > SMALL_ROWS:
        counted, how = _by_ranges(question, grid, reading), "ranges of the key"
    else:
        counted, how = _whole(question, reading), "the whole heap"
    reading.progress(question.name, counted.rows, counted.rows, "done")
    if counted.has_suspects and not (counted.tally.total or counted.tally.tolerated):
        raise UnreadableError(
            f"{question.name}: the sums of both sides differ but no row does; the table gave two "
            "answers within one snapshot, as a function or an index that lies can make it do"
        )
    return Scan(question, counted.rows, counted.tally, reading=how, notes=counted.notes)


def settled(found: Scan, rescan: Callable[[], Scan], fence: Fence, tries: int) -> Scan:
    """The scan without what was only in flight; the rest CONFIRMED behind the fence, or not.

    Only rows that differed are read again, unless there are too many to be kept.
    """
    first = found.tally.total
    rounds = 0
    while found.tally.total and found.tally.suspects is None and rounds < tries:
        rounds += 1
        fence.passes()
        found = rescan()
    suspects = found.tally.suspects
    if not suspects:
        return replace(found, in_flight=max(0, first - found.tally.total))
    result = settle(found.question, suspects, fence, tries)
    notes = {
        "fence": fence.name,
        "rounds": rounds + result.rounds,
        "confirmed_keys": result.confirmed,
        "unproven_keys": result.unproven,
        "moving_keys": len(result.moving),
    }
    return replace(
        found,
        tally=result.tally,
        moving=tuple(result.moving),
        in_flight=max(0, first - result.tally.total - len(result.moving)),
        notes={**found.notes, **notes},
    )


def row_diff(found: Scan, salt: str, what: str = "rows") -> Diff:
    """The difference of the rows, counted exactly and explained from a sample."""
    question = found.question
    if not found.tally.total:
        refuse_moving(found, salt)
        return Diff(question.name, (), found.facts)
    kept = [s for kind in found.tally.sampled.values() for s in kind]
    one, other = _sampled(question, kept)
    columns = diagnose_columns(question.target.table.columns, one.values, other.values)
    findings = tuple(_findings(found, columns, (one, other), salt, what))
    return Diff(question.name, findings, found.facts)


def refuse_moving(found: Scan, salt: str) -> None:
    """UnreadableError where rows changed whenever they were looked at, so nothing is proven."""
    if not found.moving:
        return
    one, _ = _sampled(found.question, found.moving[:SAMPLE_LIMIT])
    keys = [keyed_hash(salt, digest.hex()) for digest in one.digests.values()]
    raise UnreadableError(
        f"{found.question.name}: {len(found.moving)} rows changed whenever they were looked at, "
        f"keys {' '.join(keys[:3])}; run again when the application writes less to them"
    )


def _sampled(question: Question, kept: Sequence[Suspect]) -> tuple[RowSample, RowSample]:
    """Nothing where bytes are no text: that the rows differ is known all the same."""
    try:
        return question.both(lambda side: fetch_sample(side, question.grid, kept))
    except UnreadableError as error:
        if isinstance(error.__cause__, psycopg.errors.CharacterNotInRepertoire):
            return RowSample(), RowSample()
        raise


def _whole(question: Question, reading: Reading) -> _Counting:
    """A table read in one go; a large one that was found equal is not read again on resuming."""
    if question.rows_estimate <= SMALL_ROWS:
        return _by_buckets(question, reading)
    with keeping(reading.checkpoints, question, reading.fingerprint(question)) as keeper:
        if keeper.resumed is not None:
            counting = _Counting(rows=keeper.resumed.rows)
            counting.notes["resumed"] = asdict(keeper.resumed)
        else:
            counting = _by_buckets(question, reading)
            if not counting.has_suspects:
                keeper.record(Cell(None, None), counting.rows, [])
    counting.notes |= keeper.notes
    return counting


def _by_buckets(
    question: Question, reading: Reading | None = None, tally: Tally | None = None
) -> _Counting:
    """Without `reading` in the snapshots that there are."""
    counting = _Counting(tally=Tally() if tally is None else tally)

    def told(rows: int) -> None:
        if reading is not None:
            reading.progress(question.name, rows, question.rows_estimate, "reading")

    pace = Pace(reading.chunk_seconds, reading.snapshot_seconds) if reading else None
    found = compare_buckets(question, counting.tally, pace, told)
    counting.rows, counting.has_suspects = found.rows, found.has_suspects
    if found.snapshots > 1:
        counting.notes["snapshots"] = found.snapshots
    return counting


def _by_ranges(question: Question, grid: Grid, reading: Reading) -> _Counting:
    refuse_surprises(question, grid)
    with keeping(reading.checkpoints, question, reading.fingerprint(question)) as keeper:
        counting = _resumed(question, grid, keeper)
        planner = RangePlanner(
            grid,
            key_bounds(question, grid),
            question.rows_estimate,
            reading.chunk_seconds,
            keeper.chunks,
        )
        reader = RangeReader(question, grid, planner, reading.snapshot_seconds)
        with closing(reader.chunks()) as chunks:
            for read in chunks:
                _count(question, grid, counting, read)
                keeper.record(Cell(read.chunk.first, read.chunk.last), read.rows[0], read.differing)
                reading.progress(question.name, counting.rows, question.rows_estimate, "reading")
    counting.notes |= {"snapshots": reader.snapshots, **keeper.notes}
    return counting


def _resumed(question: Question, grid: Grid, keeper: Keeper) -> _Counting:
    """What an earlier run counted; its cells that differed are looked at again."""
    counting = _Counting()
    if keeper.resumed is not None:
        counting.rows = keeper.resumed.rows
        counting.notes["resumed"] = asdict(keeper.resumed)
    for start in range(0, len(keeper.suspects), _CELLS_AGAIN):
        cells = keeper.suspects[start : start + _CELLS_AGAIN]
        _drill_cells(question, grid, counting.tally, cells)
    return counting


def _count(question: Question, grid: Grid, counting: _Counting, read: ReadChunk) -> None:
    counting.rows += read.rows[0]
    if read.suspects:
        # packed pairs may differ in their order alone
        counting.has_suspects |= not read.detail
        _drill(question, grid, counting.tally, read)


def _drill(question: Question, grid: Grid, tally: Tally, read: ReadChunk) -> None:
    if read.detail:
        for n in read.suspects:
            found = unpacked(read.source[n][2], read.target[n][2])
            judged(question, tally, found, read.chunk.cells[n])
        return
    cells = [(read.chunk.cells[n], read.size(n)) for n in read.suspects]
    coarse = [c for c in cells if c[1] > COARSE_ROWS]
    fine = (c for c in cells if c[1] <= COARSE_ROWS)
    batch: list[Cell] = []
    rows = 0
    for cell, size in chain(fine, cut_finer(question, grid, coarse)):
        if batch and rows + size > _DETAIL_ROWS:
            _drill_cells(question, grid, tally, batch)
            batch, rows = [], 0
        if size > DENSE_ROWS:
            _drill_dense(question, grid, tally, cell)
            continue
        batch.append(cell)
        rows += size
    if batch:
        _drill_cells(question, grid, tally, batch)


def _drill_cells(question: Question, grid: Grid, tally: Tally, cells: Sequence[Cell]) -> None:
    def asked(side: Side) -> list[bytes | None]:
        rows, _ = side.session.ask(cells_query(side, grid, cells, detail=True), by_index=True)
        return [packed for _, _, packed in rows]

    for cell, one, other in zip(cells, *question.both(asked), strict=True):
        if one != other:
            judged(question, tally, unpacked(one, other), cell)


def _drill_dense(question: Question, grid: Grid, tally: Tally, cell: Cell) -> None:
    """A cell too full to be fetched is compared by buckets, as a table of its own."""
    narrowed = replace(
        question,
        source=replace(question.source, where=_within(question.source, grid, cell)),
        target=replace(question.target, where=_within(question.target, grid, cell)),
    )
    _by_buckets(narrowed, tally=tally)


def _within(side: Side, grid: Grid, cell: Cell) -> sql.Composed:
    key = sql.SQL("r.{}").format(sql.Identifier(side.table.key[0]))
    return sql.SQL("{w} and {k} >= ({first})[1] and {k} <= ({last})[1]").format(
        w=side.where, k=key, first=grid.firsts([cell]), last=grid.lasts([cell])
    )


_WORDS = {
    "missing": "missing on the target",
    "extra": "extra on the target",
    "changed": "changed on the target",
}


def _findings(
    found: Scan, columns: Mapping[str, str], read: Sequence[RowSample], salt: str, what: str
) -> Iterator[Finding]:
    question, counted = found.question, found.tally
    name = question.name
    digests = {**read[1].digests, **read[0].digests}
    for kind, words in _WORDS.items():
        count = getattr(counted, kind)
        if not count:
            continue
        wanted = [digests[s.key] for s in counted.sampled[kind] if s.key in digests]
        keys = [keyed_hash(salt, digest.hex()) for digest in wanted]
        message = f"{name}: {count} {what} {words}"
        evidence: dict[str, object] = {"count": count, "key_hashes": keys}
        if kind == "changed" and columns:
            message += " in " + ", ".join(f"{c} ({d})" for c, d in columns.items())
            evidence["columns"] = dict(columns)
        if kind != "changed" and (lie := spread(question, kind, count, counted.edges[kind])):
            message += f", {lie}"
            evidence["spread"] = lie
        if kind == "extra" and counted.duplicated:
            message += f" ({counted.duplicated} of them repeat a key)"
        message += f", keys {' '.join(keys[:3])}"
        message += f" and {len(keys) - 3} more" if count == len(keys) > 3 else ""
        if count > len(keys):
            evidence["sampled"] = f"{len(keys)} keys of {count} rows, at most {SAMPLE_LIMIT}"
            message += f" (sampled, {count} rows in all)"
        if state := _state(found.notes):
            message += f"; {state}"
            evidence["state"] = state
        yield finding(name, f"rows {kind}", message, **evidence)


def _state(notes: Mapping[str, object]) -> str:
    """What is known of differences that were looked at again; '' where nothing moved."""
    if "fence" not in notes:
        return ""
    told = {
        f"CONFIRMED for {{}} keys behind {notes['fence']}": notes["confirmed_keys"],
        f"{{}} keys still so after {notes['rounds']} rounds of {notes['fence']}": notes[
            "unproven_keys"
        ],
        "{} keys never stood still": notes["moving_keys"],
    }
    return ", ".join(words.format(count) for words, count in told.items() if count)
