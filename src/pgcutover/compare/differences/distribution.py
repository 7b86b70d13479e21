"""Classifies missing and extra rows as contiguous or scattered in the order of the key.

A stopped mover leaves one gap at the end of the key; single lost writes leave many gaps.
"""

from psycopg import sql

from pgcutover.compare.differences.counts import Extent
from pgcutover.compare.differences.row_sample import rows_of_keys
from pgcutover.compare.hashing.encode import reference
from pgcutover.compare.plan.key_domain import KeyDomain
from pgcutover.compare.plan.model import TableComparison, TableSide

_FEWEST = 3
_ORDERED = ("int2", "int4", "int8", "timestamp", "timestamptz")
AT_THE_END, IN_ONE_PIECE, SCATTERED = (
    "contiguous, up to the end of the key",
    "contiguous in the key",
    "scattered over the key",
)


def fetch_distribution(comparison: TableComparison, kind: str, count: int, extent: Extent) -> str:
    """Return how the rows of a kind are distributed over the key; '' where it has no order."""
    side = comparison.sides.source if kind == "missing" else comparison.sides.target
    domain = comparison.key_domain
    if count < _FEWEST or extent.are_unknown or domain is None or not _is_ordered(side):
        return ""
    ((between, is_last),) = side.fetch(_query(side, domain, count, extent), by_index=True)
    if between != count:
        return SCATTERED
    return AT_THE_END if is_last else IN_ONE_PIECE


def _is_ordered(side: TableSide) -> bool:
    return side.stats.types[side.table.key[0]].builtin in _ORDERED


def _query(side: TableSide, domain: KeyDomain, count: int, extent: Extent) -> sql.Composed:
    """Count the rows between the outermost ones, up to one more than needed."""
    return sql.SQL(
        "with edge as (select min({k}) as lowest, max({k}) as highest from {rows})"
        " select (select count(*) from (select from {table} r, edge where {where}"
        " and {k} >= edge.lowest and {k} <= edge.highest limit {limit}) b),"
        " not exists (select from {table} r, edge where {where} and {k} > edge.highest)"
    ).format(
        k=reference(side.table.key[0]),
        rows=rows_of_keys(side, domain, [*extent.lowest, *extent.highest]),
        table=side.table.relation,
        where=side.where,
        limit=sql.Literal(count + 1),
    )
