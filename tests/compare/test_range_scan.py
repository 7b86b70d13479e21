"""Test key range scans: no row between the ranges is skipped and none is read twice."""

from collections.abc import Iterator

import pytest
from compare.lab import Lab, run

from pgcutover.compare.scan import bucket_scan, drill_down, heap_segments, range_scan, scanner
from pgcutover.diff import Diff

KEYS = {
    "int2": ("int2", "i"),
    "int4": ("int4", "i"),
    "int8": ("int8", "i * 1000000007::int8"),
    "negative": ("int8", "(i - 1500) * 3::int8"),
    "uuid": ("uuid", "(lpad(to_hex(i * 65537), 8, '0') || repeat('0', 24))::uuid"),
    "timestamp": ("timestamp", "timestamp '2026-01-01' + i * interval '1 hour'"),
    "timestamptz": ("timestamptz", "timestamptz '2026-01-01+00' + i * interval '1 ms'"),
}


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch) -> None:
    monkeypatch.setattr(scanner, "SMALL_ROWS", 50)


def both(lab: Lab, *statements: str) -> None:
    for dsn, schema in ((lab.source, "app"), (lab.target, "core")):
        run(dsn, *(s.replace("SCHEMA", schema) for s in statements))


@pytest.fixture
def big(own_lab: Lab) -> Iterator[Lab]:
    yield from made(own_lab, "int4", "i")


def made(lab: Lab, kind: str, value: str, more: str = "") -> Iterator[Lab]:
    both(
        lab,
        f"create table SCHEMA.big (k {kind} primary key, v text, n int)",
        f"insert into SCHEMA.big select {value}, 'v' || i, i from generate_series(1, 3000) i",
        *([more] if more else []),
        "analyze SCHEMA.big",
    )
    yield lab


def compare_big(lab: Lab, **options: object) -> Diff:
    with lab.comparer(**options) as comparer:
        table = lab.table("core.big")
        diff = comparer.rows(table)
        assert diff.facts["read_by"] == "ranges of the key"
        counts = comparer.counts(table)
        assert bool(counts) == (diff.facts["rows_source"] != diff.facts["rows_target"])
        return diff


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("connections", [1, 3])
def test_every_difference_is_found_by_every_kind_of_key(own_lab: Lab, key, connections) -> None:
    for lab in made(own_lab, *KEYS[key]):
        diff = compare_big(lab, connections=connections)
        assert (bool(diff), diff.facts["rows_source"]) == (False, 3000)
        run(
            lab.target,
            "update core.big set v = upper(v) where n in (1, 700, 3000)",
            "delete from core.big where n in (2, 1500)",
        )
        run(lab.source, "delete from app.big where n in (3, 4, 2999, 2500)")
        found = {f.kind: f for f in compare_big(lab, connections=connections).findings()}
    assert {kind: f.evidence["count"] for kind, f in found.items()} == {
        "rows changed": 3,
        "rows missing": 2,
        "rows extra": 4,
    }
    assert found["rows changed"].evidence["columns"] == {"v": "letter case differs"}


def test_keys_outside_the_known_bounds_are_read(own_lab: Lab) -> None:
    ends = "insert into SCHEMA.big values ('infinity', 'a', 0), ('-infinity', 'b', 0)"
    old = "insert into SCHEMA.big values ('0044-03-15 BC', 'c', 0), ('29999-01-01', 'd', 0)"
    for lab in made(own_lab, "timestamp", KEYS["timestamp"][1], f"{ends}; {old}"):
        assert compare_big(lab).facts["rows_source"] == 3004
        run(lab.target, "update core.big set v = 'x' where v in ('a', 'b', 'c', 'd')")
        (found,) = compare_big(lab).findings()
    assert found.evidence["count"] == 4


def test_the_bounds_of_the_key_type_are_read(own_lab: Lab) -> None:
    ends = (
        "insert into SCHEMA.big values (9223372036854775807, 'a', 0);"
        "insert into SCHEMA.big values (-9223372036854775808, 'b', 0)"
    )
    for lab in made(own_lab, "int8", "i", ends):
        assert compare_big(lab).facts["rows_source"] == 3002
        run(lab.target, "delete from core.big where n = 0")
        (found,) = compare_big(lab).findings()
    assert (found.kind, found.evidence["count"]) == ("rows missing", 2)


def test_a_table_that_differs_everywhere_is_counted_exactly(big: Lab) -> None:
    run(big.target, "update core.big set n = n + 1 where k % 5 > 0")
    (found,) = compare_big(big).findings()
    assert (found.kind, found.evidence["count"]) == ("rows changed", 2400)


def test_every_row_is_missing_on_an_empty_target(big: Lab) -> None:
    run(big.target, "delete from core.big")
    (found,) = compare_big(big).findings()
    assert (found.kind, found.evidence["count"]) == ("rows missing", 3000)


def test_a_range_with_too_many_rows_is_compared_by_buckets(own_lab: Lab, monkeypatch) -> None:
    monkeypatch.setattr(drill_down, "DENSE_ROWS", 100)
    both(
        own_lab,
        "create table SCHEMA.big (k int, m int, v text, primary key (k, m))",
        "insert into SCHEMA.big select i % 3, i, 'v' || i from generate_series(1, 3000) i",
        "analyze SCHEMA.big",
    )
    run(own_lab.target, "update core.big set v = v || ' ' where m in (5, 6, 7)")
    (found,) = compare_big(own_lab).findings()
    assert (found.kind, found.evidence["count"]) == ("rows changed", 3)
    assert found.evidence["columns"] == {"v": "trailing blanks differ"}


def test_a_slow_chunk_is_split(big: Lab, monkeypatch) -> None:
    # 3,000 rows of 20 kB each are hashed in about 100 ms a side, a chunk may take 4 ms
    both(big, "update SCHEMA.big set v = repeat(v, 4000)")
    monkeypatch.setattr(range_scan, "_PATIENCE", 0.0)
    monkeypatch.setattr(range_scan, "_LEAST_SECONDS", 0.004)
    run(big.target, "update core.big set n = 0 where k = 1234")
    (found,) = compare_big(big).findings()
    assert found.evidence["count"] == 1


def test_the_limits_of_a_chunk_are_reset_after_it(big: Lab) -> None:
    with big.comparer(statement_timeout_seconds=77) as comparer:
        assert not comparer.rows(big.table("core.big"))
        for session in comparer._sessions:
            found = session.open[0].execute(
                "select current_setting('statement_timeout'), current_setting('enable_seqscan')"
            )
            assert found.fetchone() == ("77s", "on")


def test_a_key_without_an_index_on_one_side_is_not_read_by_ranges(big: Lab) -> None:
    run(big.target, "alter table core.big drop constraint big_pkey")
    run(big.target, "delete from core.big where k = 77")
    with big.comparer() as comparer:
        diff = comparer.rows(big.table("core.big"))
    assert diff.facts["read_by"] == "the whole heap"
    assert "1 row missing" in diff.report()


def test_a_table_that_is_not_cached_is_read_by_ranges_only_in_the_order_of_its_heap(
    big: Lab, monkeypatch
) -> None:
    for name in ("table_stats", "model"):
        monkeypatch.setattr(f"pgcutover.compare.plan.{name}.IN_CACHE_PAGES", 0)
    assert not compare_big(big)
    for dsn, schema in ((big.source, "app"), (big.target, "core")):
        run(
            dsn,
            f"create table {schema}.mixed as select * from {schema}.big order by hashint4(k)",
            f"truncate {schema}.big",
            f"insert into {schema}.big select * from {schema}.mixed",
            f"analyze {schema}.big",
        )
    with big.comparer() as comparer:
        assert comparer.rows(big.table("core.big")).facts["read_by"] == "the whole heap"


@pytest.mark.parametrize("kind", ["text", "numeric", "bytea"])
def test_keys_without_ordinals_are_compared_by_buckets(own_lab: Lab, kind, monkeypatch) -> None:

    monkeypatch.setattr(bucket_scan, "_FETCHED_ROWS", 200)
    monkeypatch.setattr(heap_segments, "_FIRST_ROWS", 100)
    value = "i::text::bytea" if kind == "bytea" else f"i::{kind}"
    for lab in made(own_lab, kind, value):
        with lab.comparer() as comparer:
            assert not comparer.rows(lab.table("core.big"))
        run(
            lab.target,
            "update core.big set v = null where n in (9, 2222)",
            "delete from core.big where n = 10",
        )
        with lab.comparer() as comparer:
            diff = comparer.rows(lab.table("core.big"))
    found = {f.kind: f.evidence["count"] for f in diff.findings()}
    assert found == {"rows changed": 2, "rows missing": 1}


def test_a_table_partitioned_on_the_target_alone_is_compared_by_ranges(own_lab: Lab) -> None:
    run(
        own_lab.source,
        "create table app.big (k int primary key, v text, n int)",
        "insert into app.big select i, 'v' || i, i from generate_series(1, 3000) i",
        "analyze app.big",
    )
    run(
        own_lab.target,
        "create table core.big (n int, v text, k int primary key) partition by hash (k)",
        *(
            f"create table core.big_{n} partition of core.big"
            f" for values with (modulus 3, remainder {n})"
            for n in range(3)
        ),
        "insert into core.big select i, 'v' || i, i from generate_series(1, 3000) i",
        "analyze core.big",
    )
    assert not compare_big(own_lab)
    run(own_lab.target, "update core.big set v = 'v1' where k % 4 = 0")
    (found,) = compare_big(own_lab).findings()
    assert found.evidence["count"] == 750
