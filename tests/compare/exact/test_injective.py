"""Test rows that look equal when concatenated, summed or sorted, with every method."""

from collections.abc import Sequence

import psycopg
import pytest
from compare.exact.bench import bench, changed, found
from compare.lab import Lab
from psycopg import sql
from support.servers import Pair

pytestmark = pytest.mark.xdist_group("exact majors")

Row = Sequence[str | None]
_NIL, _ONE = "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"
# the columns' type, the rows of both sides without their keys, and the number of changed rows
KEYED: dict[str, tuple[str, list[Row], list[Row], int]] = {
    "null and empty": ("text", [(None, "")], [("", "")], 1),
    "empty and null": ("text", [(None, "")], [("", None)], 1),
    "a separator moves": ("text", [("a|b", "c")], [("a", "b|c")], 1),
    "a comma moves": ("text", [("a,b", "c")], [("a", "b,c")], 1),
    "a quote moves": ("text", [('a"', "c")], [("a", '"c')], 1),
    "our own marks": ("text", [("1:a;n;", "")], [("1:a", "n;")], 1),
    "a length in the text": ("text", [("1:a;", "b")], [("1", "a;b")], 1),
    "the word null": ("text", [("NULL", None)], [(None, "NULL")], 1),
    "what copy writes for null": ("text", [("\\N", "a")], [(None, "a")], 1),
    "a letter moves": ("text", [("ab", "c")], [("a", "bc")], 1),
    "digits move": ("int", [("1", "11")], [("11", "1")], 1),
    "digits move in int8": ("int8", [("1", "11")], [("11", "1")], 1),
    "digits move in numeric": ("numeric", [("1", "11")], [("11", "1")], 1),
    "swapped columns": ("text", [("a", "b"), ("c", "d")], [("b", "a"), ("d", "c")], 2),
    "swapped float columns": ("float8", [("0", "-0")], [("-0", "0")], 1),
    "a zero changes its column": ("float8", [("0", "1.5")], [("1.5", "0")], 1),
    "a zero of 4 bytes changes its column": ("float4", [("-0", "1.5")], [("1.5", "-0")], 1),
    "truth changes its column": ("bool", [("t", "f"), (None, "f")], [("f", "t"), ("f", None)], 2),
    "uuids change their columns": ("uuid", [(_NIL, _ONE), (None, _ONE)],
                                   [(_ONE, _NIL), (_ONE, None)], 2),
    "swapped columns, one null": ("float8", [("0", None)], [(None, "0")], 1),
    "swapped rows": ("text", [("a", "b"), ("c", "d")], [("c", "d"), ("a", "b")], 2),
    "traded in one column": ("text", [("a", "b"), ("c", "d")], [("c", "b"), ("a", "d")], 2),
    "traded numbers": ("int8", [("1", "5"), ("2", "6")], [("2", "5"), ("1", "6")], 2),
    "traded nulls": ("numeric", [("0", "5"), (None, "6")], [(None, "5"), ("0", "6")], 2),
    "traded crosswise": ("int", [("1", "2"), ("3", "4")], [("4", "2"), ("3", "1")], 2),
    "the same sum": ("int", [("1", "0"), ("3", "0")], [("2", "0"), ("2", "0")], 2),
    "the same exclusive or": ("int", [("7", "7"), ("9", "9")], [("8", "8"), ("5", "5")], 2),
    "turned round": ("int", [("1", "1"), ("2", "2"), ("3", "3")],
                     [("2", "2"), ("3", "3"), ("1", "1")], 3),
    "equal rows changed alike": ("text", [("x", "x")] * 2, [("y", "y")] * 2, 2),
    "negated": ("numeric", [("5", "-5")], [("-5", "5")], 1),
}  # fmt: skip
# without a key: rows of both sides, and the numbers of missing and extra rows
KEYLESS: dict[str, tuple[list[Row], list[Row], int, int]] = {
    "one doubled, another missing": (
        [("a", "b"), ("c", "d"), ("e", "f")], [("a", "b"), ("a", "b"), ("e", "f")], 1, 1
    ),
    "a double moved": ([("a", "b")] * 2 + [("c", "d")], [("a", "b")] + [("c", "d")] * 2, 1, 1),
    "pairs of doubles": ([("a", "b")] * 2, [("c", "d")] * 2, 2, 2),
    "doubled": ([("a", "b")], [("a", "b")] * 2, 0, 1),
    "doubled twice": ([("a", "b")], [("a", "b")] * 3, 0, 2),
    "half of a double": ([("a", "b")] * 2, [("a", "b")], 1, 0),
    "a row of nulls": ([(None, None)], [], 1, 0),
    "nulls for empty": ([(None, ""), ("", None)], [(None, None), ("", "")], 2, 2),
    "doubled nulls": ([(None, None), ("a", None)], [(None, None)] * 2, 1, 1),
    "swapped columns": ([("a", "b"), ("b", "a")], [("a", "b"), ("a", "b")], 1, 1),
    "in another order": ([("a", "b"), ("c", "d")], [("c", "d"), ("a", "b")], 0, 0),
}  # fmt: skip


def fill(dsn: str, side: int) -> None:
    with psycopg.connect(dsn) as connection:
        for n, (kind, *sides) in enumerate(tuple(case[:3]) for case in KEYED.values()):
            connection.execute(
                f"create table app.k{n} (id int primary key, a {kind}, b {kind})".encode()
            )
            rows = [(k, *row) for k, row in enumerate(sides[side])]
            insert(connection, f"k{n}", rows)
        for n, case in enumerate(KEYLESS.values()):
            connection.execute(f"create table app.n{n} (a text, b text)".encode())
            insert(connection, f"n{n}", case[side])


def insert(connection: psycopg.Connection, table: str, rows: Sequence[Sequence[object]]) -> None:
    for row in rows:
        statement = sql.SQL("insert into {} values ({})").format(
            sql.Identifier("app", table), sql.SQL(", ").join([sql.Placeholder()] * len(row))
        )
        connection.execute(statement, row)


def answers(lab: Lab) -> dict[str, list[tuple[str, int, set[str]]]]:
    manifest = lab.manifest()
    with lab.comparer(manifest) as comparer:
        return {t.target.name: found(comparer, t) for t in manifest.tables}


@pytest.fixture(scope="module", params=["fast", "sha256"])
def compare_rows(majors: Pair, request) -> dict[str, list[tuple[str, int, set[str]]]]:
    with bench(majors) as lab:
        lab.options["digest"] = request.param
        fill(lab.source, 0)
        fill(lab.target, 1)
        return answers(lab)


def test_rows_with_a_key(compare_rows) -> None:
    expected = {name: changed(range(case[3])) for name, case in KEYED.items()}
    assert {name: compare_rows[f"k{n}"] for n, name in enumerate(KEYED)} == expected


def test_rows_without_a_key(compare_rows) -> None:
    counted = {
        name: tuple(
            sum(count for kind, count, _ in compare_rows[f"n{n}"] if kind == wanted)
            for wanted in ("rows missing", "rows extra")
        )
        for n, name in enumerate(KEYLESS)
    }
    assert counted == {name: case[2:] for name, case in KEYLESS.items()}
