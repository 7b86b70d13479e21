"""Test that partition gaps and misplaced rows are found, with the first value not covered."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from math import inf

import pytest
from compare.lab import run
from hypothesis import given
from hypothesis import strategies as st
from support.servers import Pair

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.errors import UnreadableError
from pgcutover.schema.state.partitions import first_gap, partitions_diff

AT = datetime(2025, 3, 10, 14, 30, tzinfo=UTC)
MONTHS = ("2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01")


def months(table: str, *, rest: str = "") -> Iterator[str]:
    """Return partitions from January to April; `rest` are bounds of the other key columns."""
    for n, (lower, upper) in enumerate(pairwise(MONTHS), 1):
        bounds = f"('{lower}'{rest}) to ('{upper}'{rest})"
        yield f"create table {table}_{n} partition of {table} for values from {bounds}"


def year(table: str, name: str, year: int, *, divided: str = "") -> str:
    bounds = f"('{year}-01-01') to ('{year + 1}-01-01')"
    return f"create table {name} partition of {table} for values from {bounds} {divided}"


SCHEMA = (
    "create schema app",
    "create table app.moments (at timestamptz, n int) partition by range (at)",
    *months("app.moments"),
    "create table app.days (at date) partition by range (at)",
    *months("app.days"),
    "create table app.walls (at timestamp) partition by range (date_trunc('day', at))",
    *months("app.walls"),
    "create table app.pairs (at date, region text) partition by range (at, region)",
    *months("app.pairs", rest=", minvalue"),
    "create table app.ever (at date) partition by range (at)",
    "create table app.ever_1 partition of app.ever for values from (minvalue) to (maxvalue)",
    "create table app.spare (at date) partition by range (at)",
    year("app.spare", "app.spare_1", 2001),
    "create table app.spare_rest partition of app.spare default",
    "create table app.numbers (n int) partition by range (n)",
    "create table app.numbers_1 partition of app.numbers for values from (0) to (10)",
    "create table app.kinds (kind text, at date) partition by list (kind)",
    "create table app.kinds_a partition of app.kinds for values in ('a') partition by range (at)",
    *months("app.kinds_a"),
    # years divided into months: a past year needs no partitions for future days
    "create table app.years (at date) partition by range (at)",
    year("app.years", "app.years_24", 2024, divided="partition by range (at)"),
    year("app.years_24", "app.years_24_1", 2024),
    year("app.years", "app.years_25", 2025, divided="partition by range (at)"),
    *months("app.years_25"),
    year("app.years", "app.years_26", 2026),
    "create table app.hashed (id int) partition by hash (id)",
    "create table app.hashed_1 partition of app.hashed for values with (modulus 2, remainder 0)",
    "create table app.hashed_2 partition of app.hashed for values with (modulus 4, remainder 1)",
    "create table app.hashed_3 partition of app.hashed for values with (modulus 4, remainder 3)",
)
COMING, REFUSED = "no partition for the coming days", "no partition at all"


@pytest.fixture
def parted(pair: Pair, fresh_database: Callable[..., str]) -> str:
    template = pair.template("target", "coverage", lambda dsn: run(dsn, *SCHEMA))
    return fresh_database("target", template)


def check_partitions(dsn: str, at: datetime = AT, days: int = 14) -> Diff:
    with open_session(dsn) as session:
        return partitions_diff(session, at, days)


def test_partitions_that_cover_the_future_are_no_finding(parted: str) -> None:
    diff = check_partitions(parted)
    assert not diff, diff.report()
    assert diff.facts == {"partitioned tables": 13}


@pytest.mark.parametrize(
    ("table", "first"),
    [
        ("moments", "2025-04-01 00:00:00+00:00"),
        ("days", "2025-04-01"),
        ("walls", "2025-04-01 00:00:00+00:00"),
        ("kinds_a", "2025-04-01"),
        ("years_25", "2025-04-01"),
    ],
)
def test_a_missing_month_is_found_before_it_begins(parted: str, table: str, first: str) -> None:
    run(parted, f"drop table app.{table}_4")
    assert not check_partitions(parted, days=21)
    (found,) = check_partitions(parted, days=22).findings()
    assert (found.object, found.kind) == (f"app.{table}", COMING)
    assert found.evidence["first_uncovered"] == first
    assert first in found.message


def test_a_missing_current_month_is_found(parted: str) -> None:
    run(parted, "drop table app.days_3")
    (found,) = check_partitions(parted, days=0).findings()
    assert (found.object, found.evidence["first_uncovered"]) == ("app.days", "2025-03-10")


def test_a_gap_between_partitions_is_found_though_both_ends_are_covered(parted: str) -> None:
    run(
        parted,
        "alter table app.moments detach partition app.moments_4",
        "alter table app.moments attach partition app.moments_4"
        " for values from ('2025-04-01 01:00+00') to ('2025-05-01')",
    )
    assert [f.object for f in check_partitions(parted, days=30).findings()] == ["app.moments"]


def test_a_multicolumn_key_gives_only_certain_gaps(parted: str) -> None:
    run(
        parted,
        "alter table app.pairs detach partition app.pairs_3",
        "alter table app.pairs attach partition app.pairs_3"
        " for values from ('2025-03-01', minvalue) to ('2025-03-31', maxvalue)",
    )
    assert not check_partitions(parted, days=40)
    run(parted, "drop table app.pairs_4")
    (found,) = check_partitions(parted, days=40).findings()
    assert (found.object, found.evidence["first_uncovered"]) == ("app.pairs", "2025-04-01")


def test_a_missing_year_is_reported_for_its_parent(parted: str) -> None:
    run(parted, "drop table app.years_26")
    found = check_partitions(parted, datetime(2025, 12, 30, tzinfo=UTC), 5).findings()
    years = {f.object: f.evidence["first_uncovered"] for f in found if "years" in str(f.object)}
    assert years == {"app.years": "2026-01-01", "app.years_25": "2025-12-30"}


def test_the_time_is_converted_from_its_zone(parted: str) -> None:
    run(parted, "drop table app.moments_4")
    evening = datetime(2025, 3, 31, 23, 0)
    assert not check_partitions(parted, evening.replace(tzinfo=timezone(timedelta(hours=2))), 0)
    assert not check_partitions(parted, evening, 0)  # without a zone it is of UTC
    assert check_partitions(parted, evening.replace(tzinfo=timezone(timedelta(hours=-2))), 0)


def test_rows_in_a_default_partition_are_only_counted(parted: str) -> None:
    run(parted, "insert into app.spare select date '1981-07-09' + n from generate_series(1, 3) n")
    (found,) = check_partitions(parted).findings()
    assert (found.object, found.kind) == ("app.spare_rest", "default partition holds rows")
    assert found.evidence["rows"] == 3
    assert "1981" not in repr(found)


@pytest.mark.parametrize(
    ("dropped", "free"),
    [(["hashed_2"], [1]), (["hashed_1"], [0, 2]), (["hashed_1", "hashed_3"], [0, 2, 3])],
)
def test_a_missing_hash_remainder_is_found(parted: str, dropped, free) -> None:
    run(parted, *(f"drop table app.{name}" for name in dropped))
    (found,) = check_partitions(parted).findings()
    assert (found.object, found.kind) == ("app.hashed", "hash remainder without a partition")
    assert found.evidence["remainders"] == free
    assert f"no partition for {len(free)} of 4 remainders" in found.message


@pytest.mark.parametrize("table", ["kinds", "numbers", "ever", "hashed"])
def test_a_table_without_partitions_is_found(parted: str, table: str) -> None:
    run(parted, f"create table app.other (like app.{table}) partition by hash ({HASHED[table]})")
    assert [(f.object, f.kind) for f in check_partitions(parted).findings()] == [
        ("app.other", REFUSED)
    ]


HASHED = {"kinds": "kind", "numbers": "n", "ever": "at", "hashed": "id"}


def test_a_default_partition_needs_no_future_days(parted: str) -> None:
    run(
        parted,
        "drop table app.spare_rest",
        "create table app.spare_rest partition of app.spare default partition by range (at)",
        "create table app.spare_old partition of app.spare_rest"
        " for values from ('1990-01-01') to ('1991-01-01')",
    )
    assert not check_partitions(parted)


def test_an_unreadable_default_partition_is_unknown(parted: str) -> None:
    run(parted, "create role reader_of_little")
    try:
        with open_session(parted) as session:
            session.execute("set role reader_of_little")
            with pytest.raises(UnreadableError, match='grant select on "app"\\."spare_rest" to "'):
                partitions_diff(session, AT, 14)
    finally:
        run(parted, "drop role reader_of_little")


def test_a_default_partition_dropped_after_the_snapshot_is_unknown(parted: str) -> None:
    with open_session(parted) as session:
        session.execute("select 1")
        run(parted, "drop table app.spare_rest")
        with pytest.raises(UnreadableError, match=r"app\.spare_rest.*run again"):
            partitions_diff(session, AT, 14)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8),
    st.integers(0, 30),
    st.integers(0, 10),
)
def test_the_first_gap_is_the_first_moment_outside_all_bounds(drawn, first, length) -> None:
    last = first + length
    free = [n for n in range(first, last + 1) if not any(lo <= n < up for lo, up in drawn)]
    assert first_gap(drawn, first, last) == (free[0] if free else None)


def test_open_bounds_leave_no_gap() -> None:
    assert first_gap([(-inf, 5.0), (5.0, inf)], 1.0, 1e12) is None
    assert first_gap([(-inf, 5.0)], 1.0, inf) == 5.0
