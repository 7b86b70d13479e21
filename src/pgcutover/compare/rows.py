"""Comparing the rows of one table: fold both sides into buckets, look closer where they differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from time import sleep
from uuid import uuid4

import psycopg
from psycopg import sql

from pgcutover.compare.diffs import Diff, finding
from pgcutover.compare.locate import Cells, cells, diagnosed_columns
from pgcutover.compare.rowtext import SideTable, folded, in_buckets
from pgcutover.compare.sessions import Answer, Connection, both, saying
from pgcutover.compare.tally import SAMPLE_LIMIT, Row, Tally, tally
from pgcutover.errors import UnreadableError
from pgcutover.redact import keyed_hash
from pgcutover.verdict import Finding

EVERYTHING = sql.SQL("true")
Fold = dict[int, tuple[int, Decimal, Decimal]]
_BLOCK = 5000  # rows of two digests each, fetched at once


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a question: its table, its snapshot, and which of its rows are asked about."""

    label: str
    table: SideTable
    connection: Connection
    where: sql.Composable = field(default_factory=lambda: EVERYTHING)


@dataclass(frozen=True, slots=True)
class Question:
    """A table on both sides in one snapshot each."""

    name: str
    source: Side
    target: Side
    not_proven: tuple[str, ...] = ()

    def both(self, ask: Callable[[Side], Answer]) -> tuple[Answer, Answer]:
        """The answers of both sides, asked at once."""
        connections = (self.source.connection, self.target.connection)
        return both(lambda: ask(self.source), lambda: ask(self.target), connections)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan of both sides found; `tally` is empty where all buckets agree."""

    question: Question
    rows_source: int
    suspects: tuple[int, ...]
    tally: Tally
    in_flight: int = 0

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
            "method": "sha256 of the row's text",
        }
        if self.question.not_proven:
            facts["not_proven"] = list(self.question.not_proven)
        return facts | ({"in_flight": self.in_flight} if self.in_flight else {})


def scan(question: Question) -> Scan:
    """One scan of each side, both at once, and a second look at the buckets that differ."""
    one, other = question.both(lambda side: _fold(question, side))
    suspects = tuple(sorted(b for b in one.keys() | other.keys() if one.get(b) != other.get(b)))
    rows = sum(bucket[0] for bucket in one.values())
    found = Scan(question, rows, suspects, Tally())
    if not suspects:
        return found
    found = replace(found, tally=_tally(question, suspects, None))
    if not found.tally.total:
        raise UnreadableError(
            f"{question.name}: the sums of both sides differ but no row does; the table gave two "
            "answers within one snapshot, as a function or an index that lies can make it do"
        )
    return found


def settled(found: Scan, ask: Callable[[], Question], seconds: float, tries: int) -> Scan:
    """The scan without the differences that went away while we waited for a lagging mover.

    Only rows that differed are read again, in new snapshots.
    """
    first = found.tally.total
    for _ in range(tries if seconds else 0):
        if not found.tally.total:
            break
        sleep(seconds)
        question = ask()
        again = _tally(question, found.suspects, found.tally.suspects)
        found = replace(found, question=question, tally=again)
    return replace(found, in_flight=max(0, first - found.tally.total))


def row_diff(found: Scan, salt: str, what: str = "rows") -> Diff:
    """The difference of the rows, counted exactly and explained from a sample."""
    question = found.question
    if not found.tally.total:
        return Diff(question.name, (), found.facts)
    columns = _columns(question, found.tally)
    findings = tuple(_findings(question.name, found.tally, columns, salt, what))
    return Diff(question.name, findings, found.facts)


def _fold(question: Question, side: Side) -> Fold:
    with saying(side.label, question.name):
        answer = side.connection.execute(folded(side.table, side.where))
        return {bucket: (count, one, two) for bucket, count, one, two in answer}


def _tally(question: Question, buckets: Sequence[int], keys: Sequence[bytes] | None) -> Tally:
    one, other = question.both(lambda side: _opened(question, side, buckets, keys))
    return tally(_stream(question, question.source, one), _stream(question, question.target, other))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A cursor whose query has run, and its first block."""

    cursor: psycopg.ServerCursor[Row]
    block: list[Row]


def _opened(
    question: Question, side: Side, buckets: Sequence[int], keys: Sequence[bytes] | None
) -> _Opened:
    with saying(side.label, question.name):
        cursor = side.connection.cursor(name=f"pgcutover_{uuid4().hex[:8]}")
        cursor.execute(in_buckets(side.table, side.where, buckets, keys))
        return _Opened(cursor, cursor.fetchmany(_BLOCK))


def _stream(question: Question, side: Side, opened: _Opened) -> Iterator[Row]:
    block = opened.block
    with saying(side.label, question.name), closing(opened.cursor):
        while block:
            yield from block
            block = opened.cursor.fetchmany(_BLOCK)


def _columns(question: Question, counted: Tally) -> Mapping[str, str]:
    keys = counted.sampled["changed"]
    if not keys:
        return {}
    one, other = question.both(lambda side: _cells(question, side, keys))
    return diagnosed_columns(question.target.table.columns, one, other)


def _cells(question: Question, side: Side, keys: Sequence[bytes]) -> Cells:
    with saying(side.label, question.name):
        return cells(side.connection, side.table, side.where, keys)


_WORDS = {
    "missing": "missing on the target",
    "extra": "extra on the target",
    "changed": "changed on the target",
}


def _findings(
    name: str, counted: Tally, columns: Mapping[str, str], salt: str, what: str
) -> Iterator[Finding]:
    for kind, words in _WORDS.items():
        count = getattr(counted, kind)
        if not count:
            continue
        keys = [keyed_hash(salt, key.hex()) for key in counted.sampled[kind]]
        message = f"{name}: {count} {what} {words}"
        evidence: dict[str, object] = {"count": count, "key_hashes": keys}
        if kind == "changed" and columns:
            message += " in " + ", ".join(f"{c} ({d})" for c, d in columns.items())
            evidence["columns"] = dict(columns)
        if kind == "extra" and counted.duplicated:
            message += f" ({counted.duplicated} of them repeat a key)"
        message += f", keys {' '.join(keys[:3])}"
        message += f" and {len(keys) - 3} more" if count == len(keys) > 3 else ""
        if count > len(keys):
            evidence["sampled"] = f"{len(keys)} keys of {count} rows, at most {SAMPLE_LIMIT}"
            message += f" (sampled, {count} rows in all)"
        yield finding(name, f"rows {kind}", message, **evidence)
