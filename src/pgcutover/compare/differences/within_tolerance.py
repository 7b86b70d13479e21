"""Counts the rows that differ by more than the tolerances of their columns."""

from collections.abc import Iterator, Sequence
from functools import partial

from psycopg import sql

from pgcutover.compare.differences.counts import (
    DifferenceCounts,
    RowHashes,
    SuspectKey,
    count_differences,
)
from pgcutover.compare.differences.row_sample import KEY, rows_of_keys
from pgcutover.compare.hashing.tolerance_bins import is_within, measure_text
from pgcutover.compare.plan.key_domain import KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.config.tables import Tolerance

_KEYS_AT_ONCE = 20_000
_Measured = tuple[int, tuple[str | None, ...]]
"""The hash of a row's other columns, and its tolerated values."""


def count_beyond_tolerance(
    comparison: TableComparison,
    counts: DifferenceCounts,
    rows: RowHashes,
    key_range: KeyRange | None = None,
) -> None:
    """Count the differing rows of one key range or of some buckets."""
    if comparison.tolerances and (changed := rows.changed_keys):
        tolerated = set(keys_within_tolerance(comparison, changed, key_range))
        rows = rows.without(tolerated)
        counts.tolerated += len(tolerated)
    count_differences(counts, rows, key_range)


def keys_within_tolerance(
    comparison: TableComparison, keys: Sequence[int], key_range: KeyRange | None
) -> Iterator[int]:
    """Yield the keys whose rows differ only within tolerance."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        suspects = [SuspectKey(key, key_range) for key in keys[start : start + _KEYS_AT_ONCE]]
        source, target = comparison.fetch_both(partial(_fetch, comparison, suspects))
        for key in source.keys() & target.keys():
            if _is_within(comparison, source[key], target[key]):
                yield key


def _is_within(comparison: TableComparison, source: _Measured, target: _Measured) -> bool:
    values = zip(source[1], target[1], comparison.tolerances, strict=True)
    return source[0] == target[0] and all(is_within(a, b, t.target) for a, b, t in values)


def _fetch(
    comparison: TableComparison, suspects: Sequence[SuspectKey], side: TableSide
) -> dict[int, _Measured]:
    """Return the values of keys that occur once."""
    own: list[Tolerance] = [getattr(t, side.label) for t in comparison.tolerances]
    query = sql.SQL("select {key}, {strict}, {values} from {rows}").format(
        key=sql.SQL("r.{}").format(KEY),
        strict=side.hashes.strict,
        values=sql.SQL(", ").join([measure_text(t, side.stats.types[t.column]) for t in own]),
        rows=rows_of_keys(side, comparison.key_domain, suspects),
    )
    found: dict[int, list[_Measured]] = {}
    for key, strict, *values in side.fetch(query):
        found.setdefault(key, []).append((strict, tuple(values)))
    return {key: rows[0] for key, rows in found.items() if len(rows) == 1}
