"""Test that empty and stale materialized views are found, and undecidable ones are UNKNOWN."""

from collections.abc import Callable

import psycopg
import pytest
from compare.lab import run
from support.servers import Pair

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.errors import UnreadableError
from pgcutover.schema.state.materialized_views import read_views
from pgcutover.schema.state.statistics import statistics_warnings

EMPTY, STALE = "materialized view unpopulated", "materialized view stale"
STALE_ROW = "update app.orders set x = 0 where id = 9"
SCHEMA = (
    "create schema app",
    "create table app.orders (id int primary key, r int, placed timestamptz, x float8)",
    "insert into app.orders select i, i % 7, timestamptz '2025-01-01' + i * interval '7 hours',"
    " i / 7.0 from generate_series(1, 400) i",
    'create materialized view app."By day" as select placed::date as r, count(*), sum(r)'
    " from app.orders group by 1",
    "create materialized view app.copied as select * from app.orders r",
    "create materialized view app.nothing as select id from app.orders where id < 0",
    "create materialized view app.later as select 1 as a with no data",
    "create materialized view app.days as select o.id, count(*) from app.orders o"
    ' join app."By day" d on d.r = o.placed::date group by 1',
    "analyze",
)


@pytest.fixture
def sides(pair: Pair, fresh_database: Callable[..., str]) -> tuple[str, str]:
    def build(dsn: str) -> None:
        run(dsn, *SCHEMA)

    # no test changes the source's, so all share one
    source = pair.source.dsn(pair.template("source", "population", build))
    return source, fresh_database("target", pair.template("target", "population", build))


def check_views(sides: tuple[str, str], *, seconds: float = 60.0, **moved: str) -> Diff:
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        reading = read_views(source, target, moved, seconds)
        return reading.diff(list(statistics_warnings(target)))


def found(diff: Diff) -> list[tuple[object, str]]:
    return [(f.object, f.kind) for f in diff.findings()]


def test_fresh_views_are_no_finding(sides) -> None:
    diff = check_views(sides)
    assert not diff, diff.report()
    assert diff.facts == {"populated": 4}


def test_an_unpopulated_view_is_found_if_the_source_has_data(sides) -> None:
    run(sides[1], 'refresh materialized view app."By day" with no data')
    diff = check_views(sides)
    assert (('app."By day"'), EMPTY) in found(diff)
    assert 'refresh materialized view app."By day"' in diff.report()
    swapped = {"app.copied": "app.later", "app.later": "app.copied"}
    assert ("app.later", EMPTY) in found(check_views(sides, **swapped))


def test_a_moved_view_is_found_by_its_target_name(sides) -> None:
    run(
        sides[1],
        "create schema core",
        "alter materialized view app.nothing set schema core",
        "refresh materialized view core.nothing with no data",
    )
    diff = check_views(sides)
    assert not diff  # nothing identifies it as the source's
    assert "core.nothing exists on the target only" in diff.facts["warnings"][0]
    assert found(check_views(sides, **{"app.nothing": "core.nothing"})) == [("core.nothing", EMPTY)]


@pytest.mark.parametrize(
    ("damage", "stale"),
    [
        ("insert into app.orders values (401, 0, '2025-01-01 00:00+00', 0)", "both"),
        ("delete from app.orders where id = 400", "both"),
        ("update app.orders set r = r + 1 where id = 9", "both"),
        ("update app.orders set x = 0.1 where id = 9", "copied"),
        ("update app.orders set x = null where id = 9", "copied"),
        # two changes that a plain sum would miss
        ("update app.orders set r = 7 - r where id in (3, 4)", "copied"),
    ],
)
def test_a_view_older_than_its_rows_is_stale(sides, damage: str, stale: str) -> None:
    run(sides[1], damage)
    both = {("app.copied", STALE), ('app."By day"', STALE)}
    wanted = both if stale == "both" else {("app.copied", STALE)}
    diff = check_views(sides)
    assert wanted <= set(found(diff))
    run(
        sides[1],
        *(f"refresh materialized view app.{n}" for n in ('"By day"', "copied", "days", "nothing")),
    )
    assert not check_views(sides)


def test_a_finding_counts_rows_and_shows_none(sides) -> None:
    run(sides[1], "delete from app.orders where id > 390")
    (one,) = [f for f in check_views(sides).findings() if f.object == "app.copied"]
    assert one.evidence == {
        "held": 400,
        "defined": 390,
        "fix": "refresh materialized view app.copied",
    }
    assert "holds 400 rows, its query gives 390 rows" in one.message
    assert "2025" not in repr(one)


def test_an_empty_view_that_should_have_rows_is_stale(sides) -> None:
    run(sides[1], "insert into app.orders (id) values (-5)")
    assert ("app.nothing", STALE) in found(check_views(sides))


def test_a_view_refreshed_in_another_time_zone_is_fresh(sides) -> None:
    with psycopg.connect(sides[1], autocommit=True) as session:
        session.execute(
            f"alter database {session.info.dbname} set timezone to 'Pacific/Auckland'".encode()
        )
    run(sides[1], 'refresh materialized view app."By day"', "refresh materialized view app.days")
    assert not check_views(sides)
    run(sides[1], "delete from app.orders where id = 7")
    assert ('app."By day"', STALE) in found(check_views(sides))


@pytest.mark.parametrize(
    "definition",
    [
        "select id, now() as at from app.orders",
        "select id, current_date - placed::date as age, clock_timestamp() from app.orders",
        "select id, random() from app.orders",
        "select * from app.lately",
        "select app.own(id) from app.orders",
    ],
)
def test_a_time_dependent_view_is_unknown(sides, definition: str) -> None:
    run(
        sides[1],
        "create function app.own(int) returns float8 language sql as 'select $1 * random()'",
        "create view app.lately as select id, current_timestamp as at from app.orders",
        f"create materialized view app.odd as {definition}",
    )
    with pytest.raises(UnreadableError, match=r"app\.odd: its query depends on when"):
        check_views(sides)


def test_an_equal_time_dependent_view_is_fresh(sides) -> None:
    run(
        sides[1],
        "create materialized view app.recent as select id from app.orders where placed < now()",
    )
    assert not check_views(sides)


@pytest.mark.parametrize(
    "column", ["array_agg(id)", "sum(x)", "string_agg(id::text, ',')", "json_agg(id)"]
)
def test_an_order_dependent_view_is_unknown_and_missing_rows_are_found(sides, column: str) -> None:
    run(
        sides[1],
        f"create materialized view app.odd as select r, {column} from app.orders group by r",
    )
    assert not check_views(sides)
    run(sides[1], "update app.orders set id = -id, x = x / 3 where id < 200")
    run(sides[1], "refresh materialized view app.copied", "refresh materialized view app.days")
    run(sides[1], "refresh materialized view app.nothing")
    with pytest.raises(UnreadableError, match=r"app\.odd: it differs .* order in which rows"):
        check_views(sides)
    run(sides[1], "update app.orders set r = 99 where id = 300")
    diff = check_views(sides)
    assert ("app.odd", STALE) in found(diff)


def test_a_definition_that_times_out_is_unknown(sides) -> None:
    run(
        sides[1],
        "create materialized view app.slow as select pg_sleep(20)::text with no data",
        "update pg_class set relispopulated = true where oid = 'app.slow'::regclass",
    )
    with pytest.raises(UnreadableError, match=r"app\.slow: .*within 0\.2 s"):
        check_views(sides, seconds=0.2)


def test_an_unknown_view_hides_no_finding(sides) -> None:
    run(sides[1], "create materialized view app.odd as select random()")
    run(sides[1], "update app.orders set x = 0 where id = 9")
    diff = check_views(sides)
    assert found(diff) == [("app.copied", STALE)]
    assert "app.odd" in diff.facts["warnings"][0]


def read_twice(sides: tuple[str, str], *between: str, on: int = 1, damage: str = STALE_ROW) -> Diff:
    """Return the diff of two reads of stale views, with statements run in between."""
    run(sides[1], damage)
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        earlier = read_views(source, target, {})
    run(sides[on], *between)
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        later = read_views(source, target, {}, only=earlier.stale)
    later.unmodified_since(earlier)
    return later.diff()


def test_a_stale_view_whose_rows_do_not_change_is_a_finding(sides) -> None:
    assert found(read_twice(sides)) == [("app.copied", STALE)]


def test_a_stale_view_whose_rows_change_on_the_target_is_a_warning(sides) -> None:
    diff = read_twice(sides, "update app.orders set x = 1 where id = 10")
    assert not diff
    assert "app.copied is older than its rows, which changed" in diff.facts["warnings"][0]


def test_a_stale_view_whose_rows_change_on_the_source_is_a_warning(
    sides, fresh_database: Callable[..., str]
) -> None:
    source = fresh_database("source", sides[0].rpartition("dbname=")[2].split()[0].strip("'"))
    diff = read_twice(
        (source, sides[1]), "update app.orders set x = 1 where id = 10", on=0, damage=STALE_ROW
    )
    assert not diff
    assert "app.copied" in diff.facts["warnings"][0]


def test_a_view_refreshed_between_two_reads_is_fresh(sides) -> None:
    diff = read_twice(sides, "refresh materialized view app.copied")
    assert not diff
    assert "warnings" not in diff.facts


def test_a_view_not_populated_is_a_finding_while_rows_change(sides) -> None:
    diff = read_twice(sides, "refresh materialized view app.nothing with no data")
    assert ("app.nothing", EMPTY) in found(diff)


def test_a_query_that_differs_each_time_is_a_warning_only_where_a_mover_runs(sides) -> None:
    diff = read_twice(
        sides,
        damage="create materialized view app.odd as select random() from app.orders",
    )
    assert not diff
    assert "app.odd: its query depends" in diff.facts["warnings"][0]


def test_an_unreadable_view_is_unknown(sides) -> None:
    run(sides[1], "create role reader_of_none")
    try:
        with open_session(sides[0]) as source, open_session(sides[1]) as target:
            target.execute("set role reader_of_none")
            with pytest.raises(UnreadableError, match=r"app\.copied: the role may not read it"):
                read_views(source, target, {}).diff()
    finally:
        run(sides[1], "drop role reader_of_none")


def test_a_view_dropped_after_the_snapshot_is_unknown(sides) -> None:
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        target.execute("select 1")
        run(sides[1], "drop materialized view app.nothing")
        with pytest.raises(UnreadableError, match=r"app\.nothing.*run again"):
            read_views(source, target, {}).diff()


def test_tables_without_statistics_are_warnings(sides) -> None:
    run(
        sides[1],
        "create table app.fresh as select 1 as a",
        "create table app.empty (a int)",
        "create table app.emptied as select 1 as a",
        "delete from app.emptied",
        'create materialized view app."Fresh view" as select a from app.fresh',
    )
    diff = check_views(sides)
    assert not diff
    (warning,) = diff.facts["warnings"]
    assert 'have no statistics, so the planner guesses: app."Fresh view"; app.fresh;' in warning
    run(sides[1], "analyze")
    assert "warnings" not in check_views(sides).facts


def test_the_session_settings_are_restored(sides) -> None:
    run(sides[1], "update app.orders set x = 0 where id = 9")
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        before = target.execute("select name, setting from pg_settings order by 1").fetchall()
        read_views(source, target, {}).diff()
        after = target.execute("select name, setting from pg_settings order by 1").fetchall()
    assert before == after
