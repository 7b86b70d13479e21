"""Test that values may differ up to the declared tolerance, and no more."""

import psycopg
import pytest
from compare.lab import Lab, TableOptions, run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql
from support.servers import Pair

from pgcutover.compare.hashing.tolerance_bins import bin_text, is_within
from pgcutover.compare.plan.table_stats import BaseType
from pgcutover.compare.scan import scanner
from pgcutover.config import Tolerance
from pgcutover.diff import Diff
from pgcutover.errors import ConfigError

ABSOLUTE = Tolerance("v", "rounding", absolute=0.001)
RELATIVE = Tolerance("v", "rounding", relative=1e-6)
MILLISECONDS = Tolerance("v", "the target keeps milliseconds", seconds=0.001)

# type on the source, on the target, tolerance, a value, one within, one beyond
CASES = [
    ("float8", "float8", ABSOLUTE, "1.0", "1.0009", "1.0011"),
    ("float8", "float8", ABSOLUTE, "-0.0004", "0.0005", "0.0007"),
    ("float8", "float8", ABSOLUTE, "1e300", "1e300", "1.0000000001e300"),
    ("float8", "float8", RELATIVE, "1e300", "1.0000009e300", "1.00001e300"),
    ("float8", "float8", RELATIVE, "1e-300", "1.0000009e-300", "0"),
    ("float8", "float8", RELATIVE, "0", "-0", "1e-320"),
    ("float8", "float8", ABSOLUTE, "NaN", "NaN", "Infinity"),
    ("float8", "float8", RELATIVE, "Infinity", "Infinity", "-Infinity"),
    ("float4", "float8", RELATIVE, "0.1", "0.1", "0.11"),
    ("numeric", "numeric", ABSOLUTE, "123456789012345678.1", "123456789012345678.1009",
     "123456789012345678.1011"),
    ("numeric", "numeric", RELATIVE, "-1e40", "-1.0000009e40", "-1.00001e40"),
    ("numeric", "float8", ABSOLUTE, "0.1", "0.1", "0.2"),
    ("numeric", "numeric", ABSOLUTE, "NaN", "NaN", "0"),
    ("int4", "numeric", ABSOLUTE, "7", "7.0005", "8"),
    ("timestamptz", "timestamptz", MILLISECONDS, "2026-01-01 00:00:00.123456+00",
     "2026-01-01 00:00:00.123+00", "2026-01-01 00:00:00.125+00"),
    ("timestamp", "timestamp", MILLISECONDS, "1969-12-31 23:59:59.9999",
     "1970-01-01 00:00:00.0001", "1970-01-01 00:00:00.01"),
    ("timestamp", "timestamp", MILLISECONDS, "infinity", "infinity", "-infinity"),
    ("timestamp", "timestamp", MILLISECONDS, "-infinity", "-infinity", "4713-01-01 BC"),
    ("float8", "float8", ABSOLUTE, "0", "0", None),
    ("float8", "float8", ABSOLUTE, None, None, "0"),
    ("timestamptz", "timestamptz", MILLISECONDS, "2000-01-01+00", "2000-01-01+00", None),
]  # fmt: skip


def both(lab: Lab, types: tuple[str, str], *statements: str) -> None:
    for dsn, schema, kind in zip((lab.source, lab.target), ("app", "core"), types, strict=True):
        run(dsn, *(s.replace("SCHEMA", schema).replace("TYPE", kind) for s in statements))


def put(dsn: str, schema: str, value: str | None) -> None:
    with psycopg.connect(dsn) as connection:
        query = sql.SQL("update {} set v = {} where k = 7").format(
            sql.Identifier(schema, "measured"), sql.Literal(value)
        )
        connection.execute(query)


def made(lab: Lab, *types: str) -> None:
    both(
        lab,
        (types[0], types[-1]),
        "create table SCHEMA.measured (k int primary key, v TYPE, w text)",
        "insert into SCHEMA.measured select i, null, 'w' || i from generate_series(1, 200) i",
        "analyze SCHEMA.measured",
    )


def compare_with(lab: Lab, *tolerances: Tolerance) -> Diff:
    wanted = {"core.measured": TableOptions(tolerances=tolerances)}
    with lab.comparer(tables=wanted) as comparer:
        return comparer.rows(lab.table("core.measured"))


@pytest.mark.parametrize(("one", "two", "tolerance", "value", "near", "far"), CASES)
def test_a_value_may_differ_only_within_its_tolerance(
    own_lab: Lab, one, two, tolerance, value, near, far
) -> None:
    made(own_lab, one, two)
    put(own_lab.source, "app", value)
    put(own_lab.target, "core", near)
    diff = compare_with(own_lab, tolerance)
    assert not diff, diff.report()
    assert diff.facts["not_proven_exactly"] == {"v": str(tolerance)}
    assert diff.facts["methods"]["v"] == f"within {tolerance}"
    put(own_lab.target, "core", far)
    (found,) = compare_with(own_lab, tolerance).findings()
    assert (found.kind, found.evidence["count"]) == ("rows changed", 1)
    assert list(found.evidence["columns"]) == ["v"]


@pytest.mark.parametrize("small_rows", [50, 50_000])
def test_a_tolerated_difference_hides_no_other_column(
    own_lab: Lab, monkeypatch, small_rows
) -> None:
    monkeypatch.setattr(scanner, "SMALL_ROWS", small_rows)
    made(own_lab, "float8")
    run(own_lab.source, "update app.measured set v = k / 3.0")
    # every value drifts, so that some lie beyond the edge of their bin
    run(own_lab.target, "update core.measured set v = k / 3.0 + 0.0004")
    assert not compare_with(own_lab, ABSOLUTE)
    run(
        own_lab.target,
        "update core.measured set w = upper(w) where k in (3, 4, 5)",
        "update core.measured set v = v + 0.01 where k = 100",
        "delete from core.measured where k = 150",
    )
    found = {f.kind: f.evidence for f in compare_with(own_lab, ABSOLUTE).findings()}
    assert {kind: evidence["count"] for kind, evidence in found.items()} == {
        "rows changed": 4,
        "rows missing": 1,
    }


def test_a_tolerance_applies_only_to_its_column(own_lab: Lab) -> None:
    made(own_lab, "float8")
    run(own_lab.target, "update core.measured set v = 0 where k = 1")
    assert compare_with(own_lab)
    assert compare_with(own_lab, ABSOLUTE)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"column": "vv", "absolute": 1.0}, "tolerate names vv"),
        ({"column": "k", "absolute": 1.0}, "part of the key"),
        ({"column": "w", "absolute": 1.0}, "cannot be applied to the types text"),
        ({"column": "v", "seconds": 1.0}, "cannot be applied to the types float8"),
    ],
)
def test_an_invalid_tolerance_is_an_error(own_lab: Lab, wrong, says) -> None:
    made(own_lab, "float8")
    with pytest.raises(ConfigError, match=says):
        compare_with(own_lab, Tolerance(reason="r", **wrong))


def test_a_tolerance_without_a_key_is_an_error(own_lab: Lab) -> None:
    made(own_lab, "float8")
    both(own_lab, ("", ""), "alter table SCHEMA.measured drop constraint measured_pkey")
    both(own_lab, ("", ""), "alter table SCHEMA.measured alter k drop not null, add unique (k)")
    with pytest.raises(ConfigError, match="found k, which may be NULL"):
        compare_with(own_lab, ABSOLUTE)
    both(own_lab, ("", ""), "alter table SCHEMA.measured drop constraint measured_k_key")
    with pytest.raises(ConfigError, match="found none"):
        compare_with(own_lab, ABSOLUTE)


FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 5e-324, 1.7e308, 2.2e-308])
DRIFT = st.floats(-2, 2)


@pytest.mark.parametrize("kind", ["float8", "numeric"])
@pytest.mark.parametrize("tolerance", [ABSOLUTE, RELATIVE], ids=str)
def test_the_same_bin_means_within_tolerance(pair: Pair, kind, tolerance) -> None:
    typed = BaseType("pg_catalog", kind, ("pg_catalog", f"{kind}_out"))
    bin_of = bin_text(tolerance, typed, typed)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(FLOATS, DRIFT), min_size=1, max_size=50))
    @example([(1.0, 0.0), (2.0**53, 1.0), (-1e-300, 1.0)])
    def fall_into_same_bin(values: list[tuple[float, float]]) -> None:
        texts = []
        for value, drift in values:
            step = tolerance.absolute or abs(value) * tolerance.relative
            texts += [repr(value), repr(value + drift * step)]
        query = sql.SQL("select {} from unnest({}::{}[]) r (v)").format(
            bin_of, sql.Literal(texts), sql.SQL(kind)
        )
        bins = [b for (b,) in connection.execute(query).fetchall()]
        for n in range(0, len(texts), 2):
            if bins[n] == bins[n + 1]:
                wider = Tolerance(
                    "v", "r", tolerance.absolute * 1.0001, tolerance.relative * 1.0001
                )
                assert is_within(texts[n], texts[n + 1], wider), (texts[n], texts[n + 1])

    with psycopg.connect(pair.source.dsn(), autocommit=True) as connection:
        fall_into_same_bin()
