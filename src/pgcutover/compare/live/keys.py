"""Compares the rows of given keys: on both sides in one snapshot each, through their index."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.differences.counts import SuspectKey
from pgcutover.compare.differences.row_sample import rows_of_keys
from pgcutover.compare.differences.within_tolerance import keys_within_tolerance
from pgcutover.compare.hashing.encode import reference
from pgcutover.compare.hashing.row_text import value_text
from pgcutover.compare.plan.key_domain import KeyDomain
from pgcutover.compare.plan.model import TableComparison, TableSide

_Rows = dict[int, Counter[tuple[int, int]]]
"""The hashes of key and row of each row, by the number of its key."""


@dataclass(frozen=True, slots=True)
class ComparedKeys:
    """The numbers of the keys whose rows are equal, and of those whose rows differ."""

    equal: Sequence[int]
    differing: Sequence[int]


def compare_keys(comparison: TableComparison, keys: Sequence[tuple[str, ...]]) -> ComparedKeys:
    """Compare the rows of some keys, which are texts as the types of their columns write them."""
    source, target = comparison.fetch_both(lambda side: _fetch(side, keys))
    nothing: Counter[tuple[int, int]] = Counter()
    differing = {
        n for n in source.keys() | target.keys() if source.get(n, nothing) != target.get(n, nothing)
    }
    if differing and comparison.tolerances:
        differing -= _within_tolerance(comparison, keys, differing, source)
    equal = [n for n in range(len(keys)) if n not in differing]
    return ComparedKeys(equal, sorted(differing))


def fetch_keys(
    side: TableSide, domain: KeyDomain | None, suspects: Sequence[SuspectKey]
) -> list[tuple[str, ...]]:
    """Return the key columns, as text, of the rows whose keys have these hashes."""
    columns = sql.SQL(", ").join([value_text(column) for column in side.table.key])
    rows = side.fetch(
        sql.SQL("select {} from {}").format(columns, rows_of_keys(side, domain, suspects))
    )
    return [tuple(row) for row in rows]


def _fetch(side: TableSide, keys: Sequence[tuple[str, ...]]) -> _Rows:
    query = sql.SQL("select s.n, {key}, {row} from {keys}, lateral {rows} r").format(
        key=side.hashes.key, row=side.hashes.row, keys=_unnest(side, keys), rows=_rows(side)
    )
    found: _Rows = defaultdict(Counter)
    for n, key, row in side.fetch(query, by_index=True):
        found[n - 1][key, row] += 1
    return found


def _rows(side: TableSide) -> sql.Composed:
    """Return the rows with the key of `s`, which is converted to the type of its column."""
    return sql.SQL("(select * from {table} r where {matches} and {where})").format(
        table=side.table.relation,
        matches=sql.SQL(" and ").join(_match(side, n) for n in range(len(side.table.key))),
        where=side.where,
    )


def _match(side: TableSide, n: int) -> sql.Composed:
    column = side.table.key[n]
    kind = side.stats.types[column]
    return sql.SQL("{} = {}::{}").format(
        reference(column), sql.Identifier("s", f"k{n}"), sql.Identifier(kind.schema, kind.name)
    )


def _unnest(side: TableSide, keys: Sequence[tuple[str, ...]]) -> sql.Composed:
    columns = range(len(side.table.key))
    arrays = [sql.SQL("{}::text[]").format(sql.Literal([k[n] for k in keys])) for n in columns]
    names = [sql.Identifier(f"k{n}") for n in columns]
    return sql.SQL("unnest({}) with ordinality s ({}, n)").format(
        sql.SQL(", ").join(arrays), sql.SQL(", ").join(names)
    )


def _within_tolerance(
    comparison: TableComparison,
    keys: Sequence[tuple[str, ...]],
    differing: Collection[int],
    source: _Rows,
) -> set[int]:
    """Return those of the differing keys whose rows differ only within tolerance."""
    by_hash = {key: n for n in differing for key, _ in source.get(n, ())}
    wanted = [keys[n] for n in differing]
    narrowed = comparison.narrow(
        lambda side: sql.SQL("exists (select from {} where {}) and {}").format(
            _unnest(side, wanted),
            sql.SQL(" and ").join(_match(side, n) for n in range(len(side.table.key))),
            side.where,
        )
    )
    return {by_hash[key] for key in keys_within_tolerance(narrowed, sorted(by_hash), None)}
