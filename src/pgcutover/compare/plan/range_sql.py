"""Queries that read key ranges of a table through the index of its key."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from pgcutover.compare.hashing.encode import reference
from pgcutover.compare.plan.key_domain import KeyDomain, KeyRange
from pgcutover.compare.plan.model import TableSide

VERSION = sql.Identifier("pgcutover version")


def range_query(
    side: TableSide, domain: KeyDomain, ranges: Sequence[KeyRange], *, detail: bool = False
) -> sql.Composed:
    """Select number, rows and sum of hashes of each range; in detail its packed pairs of hashes."""
    aggregate = (
        sql.SQL("count(*), string_agg(int8send({key}) || int8send({row}), '')")
        if detail
        else sql.SQL("count(*), sum({row})")
    ).format(key=side.hashes.key, row=side.hashes.row)
    return sql.SQL(
        "select s.n, f.* from {ranges},"
        " lateral (select {aggregate} from {table} r where {within}) f"
    ).format(
        ranges=_unnest(domain, ranges),
        aggregate=aggregate,
        table=side.table.relation,
        within=_is_within(side),
    )


def edge_query(
    side: TableSide, domain: KeyDomain, key_range: KeyRange, order: sql.SQL
) -> sql.Composed:
    """Select the first key of a range in an order, as text."""
    key = reference(side.table.key[0])
    return sql.SQL(
        "select f.k from {ranges}, lateral (select {k}::text as k from {table} r where {within}"
        " order by {k} {order} limit 1) f"
    ).format(
        ranges=_unnest(domain, [key_range]),
        k=key,
        table=side.table.relation,
        within=_is_within(side),
        order=order,
    )


def rows_in_ranges(
    side: TableSide, domain: KeyDomain | None, ranges: Iterable[KeyRange | None]
) -> sql.Composed:
    """Return FROM and WHERE for rows `r` of these ranges; of the whole table without ranges.

    Beside its columns `r` has its `xmin` as VERSION, because a subselect would lose it.
    """
    wanted = [each for each in dict.fromkeys(ranges) if each is not None]
    rows = sql.SQL("(select r.*, r.xmin as {} from {} r)").format(VERSION, side.table.relation)
    if domain is None or not wanted:
        return sql.SQL("{} r where {}").format(rows, side.where)
    return sql.SQL("{}, lateral (select * from {} r where {}) r where true").format(
        _unnest(domain, wanted), rows, _is_within(side)
    )


def condition_of_range(side: TableSide, domain: KeyDomain, key_range: KeyRange) -> sql.Composed:
    """Return the side's condition narrowed to one range."""
    return sql.SQL("{where} and {k} >= ({first})[1] and {k} <= ({last})[1]").format(
        where=side.where,
        k=reference(side.table.key[0]),
        first=domain.firsts([key_range]),
        last=domain.lasts([key_range]),
    )


def _is_within(side: TableSide) -> sql.Composed:
    return sql.SQL("{k} >= s.first and {k} <= s.last and {where}").format(
        k=reference(side.table.key[0]), where=side.where
    )


def _unnest(domain: KeyDomain, ranges: Sequence[KeyRange]) -> sql.Composed:
    return sql.SQL("unnest({}, {}) with ordinality s (first, last, n)").format(
        domain.firsts(ranges), domain.lasts(ranges)
    )
