"""Whether rows that only one side has lie together or apart: what stopped, or what slipped.

A mover that stalled leaves one gap at the end of the key; writes lost one by one leave many.
"""

from psycopg import sql

from pgcutover.compare.differences.counts import Edges
from pgcutover.compare.differences.row_sample import among
from pgcutover.compare.hashing.encode import reference
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.key_domain import Grid

_FEWEST = 3
_ORDERED = ("int2", "int4", "int8", "timestamp", "timestamptz")
AT_THE_END, IN_ONE_PIECE, SCATTERED = (
    "contiguous, up to the end of the key",
    "contiguous in the key",
    "scattered over the key",
)


def spread(question: Question, kind: str, count: int, edges: Edges) -> str:
    """How the rows of a kind lie in the order of the key; '' where that has no meaning."""
    side = question.source if kind == "missing" else question.target
    grid = question.grid
    if count < _FEWEST or edges.are_unknown or grid is None or not _is_ordered(side):
        return ""
    rows, _ = side.session.ask(_query(side, grid, count, edges), by_index=True)
    ((between, is_last),) = rows
    if between != count:
        return SCATTERED
    return AT_THE_END if is_last else IN_ONE_PIECE


def _is_ordered(side: Side) -> bool:
    return side.facts.types[side.table.key[0]].builtin in _ORDERED


def _query(side: Side, grid: Grid, count: int, edges: Edges) -> sql.Composed:
    """How many rows lie between the outermost ones, counted no further than needed."""
    return sql.SQL(
        "with edge as (select min({k}) as lowest, max({k}) as highest from {rows})"
        " select (select count(*) from (select from {table} r, edge where {where}"
        " and {k} >= edge.lowest and {k} <= edge.highest limit {limit}) b),"
        " not exists (select from {table} r, edge where {where} and {k} > edge.highest)"
    ).format(
        k=reference(side.table.key[0]),
        rows=among(side, grid, [*edges.lowest, *edges.highest]),
        table=side.table.relation,
        where=side.where,
        limit=sql.Literal(count + 1),
    )
