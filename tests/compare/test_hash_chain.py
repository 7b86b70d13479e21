"""Test that chained row hashes differ for different rows and are equal on every server.

The rows are all combinations of a few values, so that any two values that could be confused occur.
"""

import psycopg
import pytest
from psycopg import sql
from support.servers import Pair

from pgcutover.compare.hashing.calibration import ROW
from pgcutover.compare.hashing.encode import encode_column
from pgcutover.compare.hashing.hash_chain import sentinels_from
from pgcutover.compare.hashing.row_hash import SideHash, build_side_hash, seeds_from
from pgcutover.compare.hashing.row_text import ComparedTable
from pgcutover.compare.plan.table_stats import read_stats
from pgcutover.mapping import RelationName

AGREED = ("text", "uuid", "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "bytea")
NIL, ONE = "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"
VALUES = {
    "bool": (None, "f", "t"),
    "int2": (None, "0", "1", "-1"),
    "int8": (None, "0", "1", "-1"),
    "float4": (None, "0", "-0", "1"),
    "float8": (None, "0", "-0", "1", "NaN"),
    "text": (None, "", "0", "1"),
    "uuid": (None, NIL, ONE),
    "numeric": (None, "0", "-1", "1"),
}


def hashes(connection: psycopg.Connection, columns: tuple[str, ...]) -> SideHash:
    """The hash expression of the rows of `combined`."""
    facts = read_stats(connection, RelationName("public", "combined"), columns[:1])
    assert facts is not None
    codes = {
        c: encode_column(c, facts.types[c], facts.types[c], AGREED, convert=False) for c in columns
    }
    table = ComparedTable(RelationName("public", "combined"), columns, columns[:1])
    return build_side_hash(table, codes, ROW, seeds_from("salt", "combined"), {})


def count_hashes(dsn: str, columns: tuple[str, ...]) -> tuple[int, int, int]:
    """Return the number of rows, the number of distinct hashes, and their sum."""
    with psycopg.connect(dsn) as connection:
        query = sql.SQL(
            "select count(*), count(distinct {h}), sum({h}) from public.combined r"
        ).format(h=hashes(connection, columns).row)
        return connection.execute(query).fetchone() or (0, 0, 0)


def combine(dsn: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Create a table of all combinations of the kinds' values; return its columns."""
    columns = tuple(f"c{n}" for n in range(len(kinds)))
    with psycopg.connect(dsn) as connection:
        connection.execute(
            sql.SQL("create table public.combined as select {} from {}").format(
                sql.SQL(", ").join(
                    sql.SQL(f"{c}::{kind} as {c}") for c, kind in zip(columns, kinds, strict=True)
                ),
                sql.SQL(", ").join(
                    sql.SQL("unnest({}::text[]) {}").format(
                        sql.Literal(list(VALUES[kind])), sql.Identifier(c)
                    )
                    for c, kind in zip(columns, kinds, strict=True)
                ),
            )
        )
    return columns


@pytest.mark.parametrize(
    "kinds",
    [
        ("float8",) * 4,
        ("float4", "float8", "float4", "float8"),
        ("int8",) * 5,
        ("int2", "bool", "int8", "bool", "int2"),
        ("text",) * 5,
        ("uuid",) * 5,
        ("numeric", "text", "numeric", "float8", "numeric"),
        ("bool", "int8", "float8", "text", "uuid", "numeric"),
    ],
    ids=" ".join,
)
def test_different_rows_have_different_hashes(fresh_database, kinds: tuple[str, ...]) -> None:
    source, target = fresh_database("source"), fresh_database("target")
    columns = combine(source, kinds)
    combine(target, kinds)
    rows, different, total = count_hashes(source, columns)
    expected = 1
    for kind in kinds:
        expected *= len(VALUES[kind])
    assert rows == different == expected
    assert count_hashes(target, columns) == (rows, different, total)


def test_columns_beyond_the_chain_are_hashed(pair: Pair, fresh_database) -> None:
    """250 columns; each row has a 1 in another column, and each hash is distinct."""
    source = fresh_database("source")
    columns = tuple(f"c{n}" for n in range(250))
    with psycopg.connect(source) as connection:
        ones = ", ".join(f"(i = {n})::int as c{n}" for n in range(250))
        connection.execute(
            f"create table combined as select {ones} from generate_series(-1, 249) i".encode()
        )
    assert count_hashes(source, columns)[:2] == (251, 250 + 1)


def test_sentinels_are_random_and_no_usual_value() -> None:
    one, other = sentinels_from("one", "t"), sentinels_from("other", "t")
    assert one == sentinels_from("one", "t")
    for name in ("integer", "text", "uuid", "null_float", "zero", "negative_zero"):
        assert getattr(one, name) != getattr(other, name)
    assert len({one.null_float, one.zero, one.negative_zero}) == 3
    assert all(float(m) not in (0.0, float("inf")) for m in (one.null_float, one.zero))
