"""Test tables of many columns, and tables without columns."""

from collections.abc import Callable

import pytest
from compare.lab import Lab, rule, rules, run


@pytest.fixture
def make(fresh_database) -> Callable[[str], Lab]:
    def made(*statements: str) -> Lab:
        lab = Lab(
            fresh_database("source"),
            fresh_database("target"),
            rules=rules([rule(1, "selection", "include", "public", "%")]),
            recent={},
        )
        for dsn in (lab.source, lab.target):
            run(dsn, *statements)
        return lab

    return made


@pytest.mark.parametrize("columns", [416, 540, 800, 1500])
@pytest.mark.parametrize("key", ["id int primary key", "id int"])
def test_a_difference_in_a_wide_table_is_named_with_its_column(make, columns, key) -> None:
    wide = ", ".join(f"c{n} text" for n in range(1, columns))
    last = f"c{columns - 1}"
    lab = make(
        f"create table w ({key}, {wide})", "insert into w select i from generate_series(1, 50) i"
    )
    run(lab.target, f"update w set {last} = '' where id in (7, 8)")
    with lab.comparer() as comparer:
        diff = comparer.rows(lab.table("public.w"))
    if "primary" in key:
        (found,) = diff.findings()
        assert found.evidence["columns"] == {last: "NULL became ''"}
        assert "2 rows changed" in found.message
    else:
        assert {f.kind: f.evidence["count"] for f in diff.findings()} == {
            "rows missing": 2,
            "rows extra": 2,
        }


def test_a_difference_before_many_columns_that_are_null_is_named(make) -> None:
    """NULLs in a record hash to 0 with any seed, so the seed alone does not join two records."""
    kinds = ("int", "text", "numeric", "bool", "timestamptz", "uuid", "int8", "float8")
    wide = ", ".join(f"c{n} {kinds[n % 8]}" for n in range(1599))
    lab = make(f"create table w (id int primary key, {wide})", "insert into w values (1), (2)")
    run(lab.target, "update w set c393 = '' where id = 2")
    with lab.comparer() as comparer:
        (found,) = comparer.rows(lab.table("public.w")).findings()
    assert found.evidence["columns"] == {"c393": "NULL became ''"}


@pytest.mark.parametrize("rows", [0, 3])
def test_a_table_without_columns_is_compared_by_its_number_of_rows(make, rows) -> None:
    lab = make("create table nothing ()", *["insert into nothing default values"] * rows)
    table = lab.table("public.nothing")
    with lab.comparer() as comparer:
        assert not comparer.rows(table)
        assert not comparer.counts(table)
    run(lab.target, "insert into nothing default values")
    with lab.comparer() as comparer:
        (found,) = comparer.rows(table).findings()
        assert found.evidence["count"] == 1
        assert comparer.counts(table)
