"""Counting what differs in a piece of a table; rows that differ within tolerance do not count."""

from collections.abc import Iterator, Sequence
from functools import partial

from psycopg import sql

from pgcutover.compare.differences.counts import Rows, Suspect, Tally, judge
from pgcutover.compare.differences.row_sample import KEY, among
from pgcutover.compare.hashing.tolerance_bins import is_within, measure_text
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.key_domain import Cell
from pgcutover.config.tables import Tolerance

_KEYS_AT_ONCE = 20_000
_Measured = dict[int, tuple[int, tuple[str | None, ...]]]
"""The hash of a row's other columns and its tolerated values, by the hash of its key."""


def judged(question: Question, result: Tally, rows: Rows, cell: Cell | None = None) -> None:
    """Count what differs between the rows of one cell, or of some buckets."""
    if question.tolerances and (changed := rows.changed_keys):
        alike = set(within_tolerance(question, changed, cell))
        rows = rows.without(alike)
        result.tolerated += len(alike)
    judge(result, rows, cell)


def within_tolerance(question: Question, keys: Sequence[int], cell: Cell | None) -> Iterator[int]:
    """The keys whose rows are within tolerance on both sides."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        suspects = [Suspect(key, cell) for key in keys[start : start + _KEYS_AT_ONCE]]
        one, other = question.both(partial(_read, question, suspects))
        for key in one.keys() & other.keys():
            if _is_alike(question, one[key], other[key]):
                yield key


def _is_alike(
    question: Question,
    one: tuple[int, tuple[str | None, ...]],
    other: tuple[int, tuple[str | None, ...]],
) -> bool:
    values = zip(one[1], other[1], question.tolerances, strict=True)
    return one[0] == other[0] and all(is_within(a, b, t) for a, b, (_, t) in values)


def _read(question: Question, suspects: Sequence[Suspect], side: Side) -> _Measured:
    """Keys that are there once."""
    own: list[Tolerance] = [pair[side.label == "target"] for pair in question.tolerances]
    query = sql.SQL("select {key}, {strict}, {values} from {rows}").format(
        key=sql.SQL("r.{}").format(KEY),
        strict=side.hashes.strict,
        values=sql.SQL(", ").join([measure_text(t, side.facts.types[t.column]) for t in own]),
        rows=among(side, question.grid, suspects),
    )
    found: dict[int, list[tuple[int, tuple[str | None, ...]]]] = {}
    for key, strict, *values in side.session.ask(query)[0]:
        found.setdefault(key, []).append((strict, tuple(values)))
    return {key: rows[0] for key, rows in found.items() if len(rows) == 1}
