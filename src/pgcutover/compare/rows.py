"""Comparing the rows of one table: fold both sides into buckets, look closer where they differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import uuid4

from psycopg import sql

from pgcutover.compare.diffs import Diff, finding
from pgcutover.compare.locate import Cell, cells, diagnosed_columns
from pgcutover.compare.rowtext import SideTable, folded, in_buckets
from pgcutover.compare.sessions import Connection, both, saying
from pgcutover.compare.tally import Row, Tally, tally
from pgcutover.errors import UnreadableError
from pgcutover.redact import keyed_hash
from pgcutover.verdict import Finding

EVERYTHING = sql.SQL("true")
SAMPLE_LIMIT = 20
Fold = dict[int, tuple[int, Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Question:
    """A table on both sides in one snapshot each, and which of its rows are asked about."""

    name: str
    source: SideTable
    target: SideTable
    connections: tuple[Connection, Connection]
    where_source: sql.Composable = field(default_factory=lambda: EVERYTHING)
    where_target: sql.Composable = field(default_factory=lambda: EVERYTHING)


@dataclass(frozen=True, slots=True)
class Folded:
    """Both sides' buckets."""

    source: Fold
    target: Fold

    @property
    def counts(self) -> tuple[int, int]:
        """Rows on the source and on the target."""
        return _rows(self.source), _rows(self.target)

    @property
    def suspects(self) -> list[int]:
        """Buckets that differ."""
        names = self.source.keys() | self.target.keys()
        return sorted(b for b in names if self.source.get(b) != self.target.get(b))


def fold(question: Question) -> Folded:
    """One scan of each side, both at once."""
    return Folded(
        *both(
            lambda: _fold(question, "source", question.source, question.where_source, 0),
            lambda: _fold(question, "target", question.target, question.where_target, 1),
        )
    )


def row_diff(question: Question, folds: Folded, salt: str, what: str = "rows") -> Diff:
    """The difference of the rows, counted exactly and explained from a sample."""
    counts = folds.counts
    facts = {"rows_source": counts[0], "rows_target": counts[1], "method": "sha256 of row text"}
    if not folds.suspects:
        return Diff(question.name, (), facts)
    counted = _tally(question, folds.suspects)
    if not counted.total:
        raise UnreadableError(
            f"{question.name}: the sums of both sides differ but no row does; the table changed "
            "within a snapshot, which an index or a function that lies can cause"
        )
    columns = _columns(question, counted)
    return Diff(question.name, tuple(_findings(question, counted, columns, salt, what)), facts)


def _rows(side: Fold) -> int:
    return sum(bucket[0] for bucket in side.values())


def _fold(
    question: Question, side: str, table: SideTable, where: sql.Composable, index: int
) -> Fold:
    with saying(side, question.name):
        answer = question.connections[index].execute(folded(table, where))
        return {bucket: (count, one, two) for bucket, count, one, two in answer}


def _tally(question: Question, buckets: Sequence[int]) -> Tally:
    source = in_buckets(question.source, question.where_source, buckets)
    target = in_buckets(question.target, question.where_target, buckets)
    return tally(
        _stream(question, "source", 0, source),
        _stream(question, "target", 1, target),
        SAMPLE_LIMIT,
    )


def _stream(question: Question, side: str, index: int, query: sql.Composed) -> Iterator[Row]:
    connection = question.connections[index]
    with (
        saying(side, question.name),
        connection.cursor(name=f"pgcutover_{uuid4().hex[:8]}") as cursor,
    ):
        cursor.itersize = 5000
        yield from cursor.execute(query)


def _columns(question: Question, counted: Tally) -> Mapping[str, str]:
    keys = counted.sampled["changed"]
    if not keys:
        return {}
    one, other = both(
        lambda: _cells(question, "source", question.source, question.where_source, 0, keys),
        lambda: _cells(question, "target", question.target, question.where_target, 1, keys),
    )
    return diagnosed_columns(question.target.columns, one, other)


def _cells(
    question: Question,
    side: str,
    table: SideTable,
    where: sql.Composable,
    index: int,
    keys: Sequence[bytes],
) -> dict[bytes, tuple[Cell, ...]]:
    with saying(side, question.name):
        return cells(question.connections[index], table, where, keys)


_WORDS = {
    "missing": "missing on the target",
    "extra": "extra on the target",
    "changed": "changed on the target",
}


def _findings(
    question: Question, counted: Tally, columns: Mapping[str, str], salt: str, what: str
) -> Iterator[Finding]:
    for kind, words in _WORDS.items():
        count = getattr(counted, kind)
        if not count:
            continue
        keys = [keyed_hash(salt, key.hex()) for key in counted.sampled[kind]]
        message = f"{question.name}: {count} {what} {words}"
        evidence: dict[str, object] = {"count": count, "key_hashes": keys}
        if kind == "changed" and columns:
            message += " in " + ", ".join(f"{c} ({d})" for c, d in columns.items())
            evidence["columns"] = dict(columns)
        if kind == "extra" and counted.duplicated:
            message += f" ({counted.duplicated} of them repeat a key)"
        shown = keys[:3]
        message += f", keys {' '.join(shown)}" + (f" and {count - 3} more" if count > 3 else "")
        if count > SAMPLE_LIMIT:
            evidence["sampled"] = f"the first {SAMPLE_LIMIT} of {count}"
        yield finding(question.name, f"rows {kind}", message, **evidence)

