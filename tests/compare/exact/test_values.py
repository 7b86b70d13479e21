"""Test generated values of every type: exactly rows with different text are changed rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
import pytest
from compare.exact.bench import bench, changed, found
from compare.exact.values import VALUES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.servers import Pair

from pgcutover.compare import Comparer
from pgcutover.mapping import MappedTable

FOLDED = (
    "create collation app.same (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
)
MADE = {"c": "row(null, v)::app.c{n}", "a": "array[v, null, v]"}
KINDS = list(VALUES)


@dataclass(frozen=True, slots=True)
class Bench:
    """Open sessions to both sides, one comparer over all tables, and the tables by name."""

    source: psycopg.Connection
    target: psycopg.Connection
    comparer: Comparer
    tables: dict[str, MappedTable] = field(repr=False)


def statements() -> Iterator[str]:
    yield FOLDED
    yield "create domain app.folded as text collate app.same"
    for n, kind in enumerate(KINDS):
        yield f"create type app.c{n} as (x int, v {kind})"
        yield f"create table app.same_p{n} (id int primary key, v {kind})"
        yield f"create table app.other_p{n} (id int primary key, v {kind})"
        yield f"create table app.other_c{n} (id int primary key, v app.c{n})"
        if "a" in shapes_of(kind):
            yield f"create table app.other_a{n} (id int primary key, v {kind}[])"


def opened(dsn: str) -> psycopg.Connection:
    connection = psycopg.connect(dsn, autocommit=True)
    connection.execute("set search_path = public; set synchronous_commit = off")
    return connection


@pytest.fixture(scope="module")
def stand(pair: Pair) -> Iterator[Bench]:
    with (
        bench(pair, *statements()) as lab,
        opened(lab.source) as source,
        opened(lab.target) as target,
        lab.comparer(manifest := lab.manifest()) as comparer,
    ):
        tables = {t.target.name: t for t in manifest.tables}
        yield Bench(source, target, comparer, tables)


def shapes_of(kind: str) -> tuple[str, ...]:
    """Plain, in a composite type, in an array; an array of arrays is only another array."""
    return ("p", "c") if kind.endswith("[]") else ("p", "c", "a")


def write(connection: psycopg.Connection, table: str, values: Sequence[str | None]) -> None:
    rows = ", ".join("(%s, %s)" for _ in values)
    numbered = [part for row in enumerate(values) for part in row]
    # truncate would wait for the comparer's snapshot
    connection.execute(f"delete from app.{table}".encode())
    connection.execute(f"insert into app.{table} values {rows}".encode(), numbered)


def derive(connection: psycopg.Connection, n: int, shape: str) -> None:
    made = MADE[shape].format(n=n)
    connection.execute(f"delete from app.other_{shape}{n}".encode())
    connection.execute(
        f"insert into app.other_{shape}{n} select id, {made} from app.other_p{n}".encode()
    )


def representations(connection: psycopg.Connection, table: str) -> list[bytes]:
    """Return the output of the type's output function, row by row."""
    statement = f"copy (select v from app.{table} order by id) to stdout"
    with connection.cursor().copy(statement.encode()) as copied:
        return b"".join(map(bytes, copied)).splitlines()


def judge(stand: Bench, table: str) -> None:
    """Check that the rows found are exactly those with different output."""
    stand.comparer._cache.drop()  # so that the table is scanned again, in new snapshots
    one, two = (representations(side, table) for side in (stand.source, stand.target))
    differ = [k for k, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    assert found(stand.comparer, stand.tables[table]) == changed(differ), (table, one, two)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_exactly_what_is_written_differently_differs(stand: Bench, kind: str, data) -> None:
    n, batch = KINDS.index(kind), st.lists(VALUES[kind] | st.none(), min_size=12, max_size=18)
    values = data.draw(batch)
    shift = data.draw(st.integers(1, len(values) - 1))
    write(stand.source, f"other_p{n}", values)
    write(stand.target, f"other_p{n}", values[shift:] + values[:shift])
    judge(stand, f"other_p{n}")
    for side in (stand.source, stand.target):
        write(side, f"same_p{n}", values)
    assert found(stand.comparer, stand.tables[f"same_p{n}"]) == []
    one = data.draw(st.integers(0, len(values) - 1))
    values[one] = data.draw(VALUES[kind] | st.none())
    write(stand.target, f"other_p{n}", values)
    judge(stand, f"other_p{n}")
    for shape in shapes_of(kind)[1:]:
        for side in (stand.source, stand.target):
            derive(side, n, shape)
        judge(stand, f"other_{shape}{n}")
