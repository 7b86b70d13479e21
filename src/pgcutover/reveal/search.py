"""Searches one side's table for the rows of a key hash: one throttled scan of the key."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from psycopg import sql

from pgcutover.compare.hashing.row_text import ComparedTable, value_text
from pgcutover.compare.plan.table_stats import TableStats, read_stats
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.reveal.finding import Lookup

_TID_RANGE_SINCE = 140000
_PAGES = 4_096  # 32 MB a snapshot
_FETCHED_ROWS = 10_000
_MOST_ROWS = 10
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Value:
    """The start of a value's text, and the length of all of it; None is NULL."""

    text: str | None
    characters: int


Row = tuple[Value, ...]


def find_rows(
    session: SideSession, lookup: Lookup, is_wanted: Callable[[bytes], bool]
) -> list[Row]:
    """Return the rows whose key has the wanted hash, at most ten."""
    found: list[Row] = []
    with unreadable_on_error(session.side, str(lookup.table.name)):
        connection = session.snapshot()
        stats = read_stats(connection, lookup.table.name, lookup.table.key)
        if stats is None:
            raise UnreadableError(f"{lookup.table.name}: the {session.side} has no such table")
        version = connection.info.server_version
        for part, (relation, where) in enumerate(_parts(lookup.table, stats, version)):
            if part:
                connection = session.snapshot()
            with session.governor.throttled() if session.governor else nullcontext():
                found += _matches(connection, lookup, is_wanted, relation, where)
            if len(found) >= _MOST_ROWS:
                break
    return found[:_MOST_ROWS]


def _parts(
    table: ComparedTable, stats: TableStats, version: int
) -> Iterator[tuple[sql.Composable, sql.Composable]]:
    """Yield relations and conditions that cover the table, each for a snapshot of its own."""
    if version < _TID_RANGE_SINCE or stats.kind not in "rp":
        yield table.relation, sql.SQL("true")
        return
    for leaf, pages in zip(stats.leaves, stats.leaf_pages, strict=True):
        relation = ComparedTable(leaf, (), (), alone=True).relation
        for first in range(0, max(pages, 1), _PAGES):
            condition = sql.SQL("r.ctid >= {}::tid").format(sql.Literal(f"({first},0)"))
            if first + _PAGES < pages:  # the last part includes rows that were added meanwhile
                end = sql.Literal(f"({first + _PAGES},0)")
                condition = sql.SQL("{} and r.ctid < {}::tid").format(condition, end)
            yield relation, condition


def _matches(
    connection: Connection,
    lookup: Lookup,
    is_wanted: Callable[[bytes], bool],
    relation: sql.Composable,
    where: sql.Composable,
) -> Iterator[Row]:
    query = sql.SQL("select {}, r.tableoid::text, r.ctid::text from {} r where {}")
    with connection.cursor("pgcutover_reveal") as cursor:
        cursor.itersize = _FETCHED_ROWS
        cursor.execute(query.format(lookup.digest, relation, where))
        for digest, heap, place in cursor:
            if is_wanted(digest):
                yield _row(connection, lookup.table, relation, heap, place)


def _row(
    connection: Connection, table: ComparedTable, relation: sql.Composable, heap: str, place: str
) -> Row:
    cells = sql.SQL(", ").join([_cell(column) for column in table.columns])
    query = sql.SQL("select {} from {} r where r.tableoid = {}::oid and r.ctid = {}::tid")
    row = connection.execute(
        query.format(cells, relation, sql.Literal(heap), sql.Literal(place))
    ).fetchone()
    values = row or ()  # never empty: it is the same snapshot
    return tuple(Value(*values[n : n + 2]) for n in range(0, len(values), 2))


def _cell(column: str) -> sql.Composed:
    return sql.SQL(
        "case when r.{c} is distinct from null then left({v}, {n}) end, char_length({v})"
    ).format(c=sql.Identifier(column), v=value_text(column), n=sql.Literal(_SHOWN_CHARACTERS))
