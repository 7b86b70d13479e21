"""Checks that the target's partitions accept every row of the coming days.

PostgreSQL refuses a row without a partition. A row in the default partition prevents the creation
of its own partition later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from math import inf, lcm
from typing import Any

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import quote_name, unreadable_on_error
from pgcutover.text.words import agree, count_noun
from pgcutover.verdict import Finding

_SHOWN = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# a partition being detached accepts no rows; majors before 14 have no such state
_TABLES = """
select c.oid::int8, n.nspname, c.relname, p.partstrat,
       coalesce(a.attname, pg_get_expr(p.partexprs, p.partrelid)),
       case when o.opcintype = 'date'::regtype then 86400
            when o.opcintype in ('timestamp'::regtype, 'timestamptz'::regtype) then 0.000001
       end::float8,
       p.partnatts > 1,
       (select i.inhparent::int8 from pg_inherits i where i.inhrelid = c.oid),
       pg_get_expr(c.relpartbound, c.oid),
       dn.nspname, d.relname,
       array(select pg_get_expr(k.relpartbound, k.oid)
             from pg_inherits i join pg_class k on k.oid = i.inhrelid
             where i.inhparent = c.oid and k.relpartbound is not null
               and to_jsonb(i) ->> 'inhdetachpending' is distinct from 'true'
             order by 1)
from pg_partitioned_table p
join pg_class c on c.oid = p.partrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_opclass o on o.oid = p.partclass[0]
left join pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0] and a.attnum > 0
left join pg_class d on d.oid = p.partdefid
left join pg_namespace dn on dn.oid = d.relnamespace
where c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
order by n.nspname, c.relname
"""
# parses the bounds that the server prints; MINVALUE and MAXVALUE have no quoted value
_BOUNDS = r"""
select case when w.lower is null then '-infinity'
            else extract(epoch from w.lower::timestamptz)::float8 end,
       case when w.upper is null then 'infinity'
            else extract(epoch from w.upper::timestamptz)::float8 end
from unnest(%s::text[]) with ordinality b (bound, position),
     lateral (select substring(b.bound from $re$FROM \('([^']*)'$re$) as lower,
                     substring(b.bound from $re$TO \('([^']*)'$re$) as upper) w
order by b.position
"""
_MODULI = r"""
select (m)[1]::int, (m)[2]::int
from unnest(%s::text[]) bound, regexp_match(bound, 'modulus (\d+), remainder (\d+)') m
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """A partitioned table, its partition key, and the bounds of its partitions as text.

    `parent` and `own_bound` are set if the table is itself a partition. `default` is the default
    partition; `bounds` are those of the others. `step` is the resolution in seconds of a first key
    column that is a time. `composed` says that the key has more columns.
    """

    oid: int
    schema: str
    name: str
    strategy: str
    key: str
    step: float | None
    composed: bool
    parent: int | None
    own_bound: str | None
    default: tuple[str, str] | None
    bounds: tuple[str, ...]

    def __str__(self) -> str:
        """Return `schema.name`."""
        return f"{self.schema}.{self.name}"


def partitions_diff(target: Connection, at: datetime, ahead_days: int) -> Diff:
    """Return partitioned tables that refuse rows within some days of `at`.

    Rows in a default partition are findings, too.
    Times without a zone, and dates, are read as UTC.
    """
    start = at if at.tzinfo else at.replace(tzinfo=UTC)
    window = (start.timestamp(), (start + timedelta(days=ahead_days)).timestamp())
    tables = _read_tables(target)
    problems: list[Finding] = []
    for table in tables.values():
        problems += _find_rows_in_default(target, table)
        if table.default is None:
            problems += _find_gaps(target, table, tables, window)
    return Diff("*", tuple(problems), {"partitioned tables": len(tables)})


def _read_tables(target: Connection) -> dict[int, PartitionedTable]:
    found = {}
    for *words, schema, name, bounds in _fetch(target, _TABLES, "partitions"):
        default = (schema, name) if name else None
        others = tuple(b for b in bounds if b != "DEFAULT")
        table = PartitionedTable(*(*words, default, others))
        found[table.oid] = table
    return found


def _find_rows_in_default(target: Connection, table: PartitionedTable) -> Iterator[Finding]:
    if table.default is None:
        return
    name = ".".join(table.default)
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(*table.default))
    ((rows,),) = _fetch(target, query, name, table=quote_name(*table.default))
    if rows:
        message = (
            f"default partition {name} of {table} holds {count_noun(rows, 'row')} that no other "
            f"partition accepts; move or delete {agree(rows, 'it', 'them')} before a partition for "
            f"{agree(rows, 'it', 'them')} is created"
        )
        yield finding(name, "default partition holds rows", message, rows=rows)


def _find_gaps(
    target: Connection,
    table: PartitionedTable,
    tables: Mapping[int, PartitionedTable],
    window: tuple[float, float],
) -> Iterator[Finding]:
    if not table.bounds:
        message = f"{table} has no partition at all, so every row is refused"
        yield finding(table, "no partition at all", message)
    elif table.strategy == "h":
        yield from _find_missing_remainders(target, table)
    elif table.strategy == "r" and table.step:
        yield from _find_missing_days(target, table, tables, window)


def _find_missing_remainders(target: Connection, table: PartitionedTable) -> Iterator[Finding]:
    taken = _fetch(target, _MODULI, str(table), [list(table.bounds)])
    modulus = lcm(*(m for m, _ in taken))
    lacking = modulus - sum(modulus // m for m, _ in taken)
    if lacking:
        free = (n for n in count() if all(n % m != r for m, r in taken))
        first = list(islice(free, min(lacking, _SHOWN)))
        shown = ", ".join(map(str, first)) + (", …" if lacking > _SHOWN else "")
        message = (
            f"{table} has no partition for {lacking:,} of {modulus:,} remainders ({shown}), so "
            f"about {lacking / modulus:.0%} of its rows are refused"
        )
        yield finding(table, "hash remainder without a partition", message, remainders=first)


def _find_missing_days(
    target: Connection,
    table: PartitionedTable,
    tables: Mapping[int, PartitionedTable],
    window: tuple[float, float],
) -> Iterator[Finding]:
    step, limits = table.step or 0.0, _parent_bounds(table, tables)
    if "DEFAULT" in limits:
        return  # rows in a default partition are a finding already
    first, last = window
    for lower, upper in _read_bounds(target, table, limits):
        first, last = max(first, lower), min(last, upper - step)
    bounds = _read_bounds(target, table, table.bounds)
    # with several key columns, rows equal to the first part of the upper bound may be inside
    inclusive = step if table.composed else 0.0
    gap = first_gap([(lower, upper + inclusive) for lower, upper in bounds], first, last)
    if gap is None:
        return
    moment = (_EPOCH + timedelta(seconds=gap)).isoformat(sep=" ", timespec="seconds")
    moment = moment[:10] if step > 1 else moment
    message = (
        f"{table} has no partition for {table.key} = {moment}, so rows of the coming days are "
        "refused; create the partitions, or start the job that creates them"
    )
    yield finding(table, "no partition for the coming days", message, first_uncovered=moment)


def _parent_bounds(table: PartitionedTable, tables: Mapping[int, PartitionedTable]) -> list[str]:
    """Return the bounds of the table and of its parents that use the same key."""
    limits = []
    while table.parent is not None and table.parent in tables:
        above = tables[table.parent]
        if above.strategy == "r" and above.key == table.key:
            limits.append(table.own_bound or "")
        table = above
    return limits


def first_gap(bounds: Sequence[tuple[float, float]], first: float, last: float) -> float | None:
    """Return the first moment from `first` to `last`, both included, that no bounds contain.

    A lower bound is inclusive, an upper bound exclusive.
    """
    moment = first
    for lower, upper in sorted(bounds):
        if lower <= moment < upper:
            moment = upper
    return moment if moment <= last and moment < inf else None


def _read_bounds(
    target: Connection, table: PartitionedTable, bounds: Sequence[str]
) -> list[tuple[float, float]]:
    if not bounds:
        return []
    found = _fetch(target, _BOUNDS, str(table), [list(bounds)])
    return [(float(lower), float(upper)) for lower, upper in found]


def _fetch(
    target: Connection,
    query: str | sql.Composed,
    what: str,
    values: Sequence[object] | None = None,
    table: str = "",
) -> list[tuple[Any, ...]]:
    plain = query.encode() if isinstance(query, str) else query
    with unreadable_on_error("target", what, table):
        return target.execute(plain, values).fetchall()
