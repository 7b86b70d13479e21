"""A server that has other work to do is read slowly, or not at all; an idle one at full speed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psycopg
import pytest
from compare.lab import Lab, run

from pgcutover.compare.throttle import governor as governing
from pgcutover.compare.throttle.governor import Governor
from pgcutover.compare.throttle.server_load import LoadLimits, LoadSample, exceeded, sample
from pgcutover.connect import open_watch
from pgcutover.errors import UnreadableError

QUIET = LoadSample(0, 0, None, None, None)
NINE = LoadSample(0, 9, None, None, None)


@contextmanager
def another(dsn: str, statement: str) -> Iterator[None]:
    """Another application repeats a statement while the test looks."""
    end = Event()

    def work() -> None:
        with psycopg.connect(dsn, autocommit=True, application_name="the application") as session:
            while not end.is_set():
                session.execute(statement.encode())

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.fixture
def look(databases) -> Iterator[Callable[[], LoadSample]]:
    with open_watch(databases.source) as session:
        yield lambda: sample(session)


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    monkeypatch.setattr(governing, "SAMPLE_SECONDS", 0.05)
    monkeypatch.setattr(governing, "PAUSE_SECONDS", 0.05)


def test_the_work_of_others_is_seen_and_ours_is_not(databases, look) -> None:
    assert look().active_sessions == 0
    with psycopg.connect(databases.source, application_name="pgcutover") as ours:
        ours.execute("select 1")
        with another(databases.source, "select pg_sleep(0.2)"):
            seen = {look().active_sessions for _ in range(200)}
    assert max(seen) == 1


def test_what_a_role_may_not_see_is_not_taken_for_nothing(databases) -> None:
    run(databases.source, "create role watcher login password 'watcher'")
    try:
        dsn = psycopg.conninfo.make_conninfo(databases.source, user="watcher", password="watcher")
        with open_watch(dsn) as session, another(databases.source, "select pg_sleep(0.1)"):
            found = sample(session)
            assert found.active_sessions is None
            assert found.transactions > 0
    finally:
        run(databases.source, "drop role watcher")


def test_an_old_snapshot_and_retained_wal_are_seen(databases, look) -> None:
    with psycopg.connect(databases.source) as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("select pg_current_xact_id()")
        run(
            databases.source,
            "select pg_create_physical_replication_slot('keeper', true)",
            autocommit=True,
        )
        try:
            with psycopg.connect(databases.source, autocommit=True) as writer:
                writer.execute("create table t (v text)")
                for _ in range(50):
                    writer.execute("insert into t values (repeat('x', 1000))")
                writer.execute(
                    "insert into t select repeat('y', 1000) from generate_series(1, 5000)"
                )
            found = look()
            assert found.xmin_age_transactions >= 50
            assert found.retained_wal_mb > 4
        finally:
            run(databases.source, "select pg_drop_replication_slot('keeper')", autocommit=True)


@pytest.mark.parametrize(
    ("pressure", "limits", "says"),
    [
        (QUIET, LoadLimits(1, 1, 1, 1, 1), ""),
        (LoadSample(0, 9, 9, 9, 9), LoadLimits(), ""),
        (NINE, LoadLimits(active_sessions=9), ""),
        (
            LoadSample(0, 9, None, None, None),
            LoadLimits(active_sessions=8),
            "9 active sessions, limit 8",
        ),
        (
            LoadSample(0, 0, 11, None, None),
            LoadLimits(xmin_age_transactions=10),
            "11 transactions",
        ),
        (
            LoadSample(0, 0, 0, 41.2, None),
            LoadLimits(replica_lag_seconds=30),
            "41 s, limit 30 s",
        ),
        (LoadSample(0, 0, 0, 0, 2048.0), LoadLimits(retained_wal_mb=1024), "2048 MB of WAL"),
    ],
)
def test_what_is_too_much_is_named(pressure, limits, says) -> None:
    assert says in exceeded(pressure, limits)
    assert bool(says) == bool(exceeded(pressure, limits))


def governor(dsn: str, limits: LoadLimits, patience: float = 0.0, say=lambda _: None) -> Governor:
    return Governor("source", lambda: open_watch(dsn), limits, patience, say)


def ask_often(governed: Governor, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True, application_name="pgcutover") as session:
        for _ in range(12):
            governed.sleep_off()
            with governed.throttled():
                session.execute("select pg_sleep(0.02)")


def wait_until_quiet(dsn: str) -> None:
    """Wait for the transactions of earlier tests, which servers count up to a second later."""
    counted = (
        "select sum(xact_commit + xact_rollback)::int from pg_stat_database"
        " where datname <> current_database()"
    )
    with psycopg.connect(dsn, autocommit=True) as session:
        last = quiet = 0
        for _ in range(120):
            session.execute("select pg_sleep(0.5), pg_stat_clear_snapshot()")
            (now,) = session.execute(counted).fetchone() or (0,)
            quiet = quiet + 1 if now - last <= 2 else 0  # autovacuum's launcher looks round
            last = now
            if quiet == 3:
                return
    pytest.fail("other sessions use the test's server for a minute")


def test_only_a_server_with_other_work_is_spared(databases) -> None:
    wait_until_quiet(databases.source)
    governed = governor(databases.source, LoadLimits(load=0.5))
    ask_often(governed, databases.source)
    assert not governed.is_busy
    assert governed.throttled_seconds == 0
    with another(databases.source, "select count(*) from generate_series(1, 20000)"):
        while not governed.throttled_seconds:  # the suite's own limit ends it where it never is
            ask_often(governed, databases.source)
    governed.close()


def test_many_transactions_of_our_own_are_not_the_work_of_others(databases, monkeypatch) -> None:
    """Servers count a transaction up to a second later, so some samples hold more than we began."""
    wait_until_quiet(databases.source)
    monkeypatch.setattr(governing, "SAMPLE_SECONDS", 0.2)
    governed = governor(databases.source, LoadLimits(load=0.5))
    end = time.monotonic() + 2.0
    with open_watch(databases.source) as ours:
        while time.monotonic() < end:
            governed.pause()
            assert not governed.is_busy
            sample(ours)
    governed.close()


def test_work_that_is_seen_at_first_is_not_forgotten_at_the_next_look(databases) -> None:
    """A third of the time the other session is between two short statements."""
    end = Event()

    def work() -> None:
        with psycopg.connect(databases.source, autocommit=True) as session:
            while not end.is_set():
                session.execute("select pg_sleep(0.003)")
                end.wait(0.001)

    thread = Thread(target=work)
    thread.start()
    seen = []
    try:
        for _ in range(10):
            governed = governor(databases.source, LoadLimits(load=0.5))
            governed.sleep_off()
            seen.append(governed.is_throttled)
            governed.close()
    finally:
        end.set()
        thread.join()
    assert seen == [True] * 10


def test_a_server_is_idle_after_several_quiet_looks_and_not_before(databases) -> None:
    governed = governor(databases.source, LoadLimits(load=0.5))
    with another(databases.source, "select pg_sleep(0.01)"):
        while not governed.is_busy:
            governed.pause()
    looks = 0
    while governed.is_busy:
        last = governed._last
        governed.pause()
        looks += governed._last is not last
    governed.close()
    assert looks >= 3


def test_a_lost_open_side_the_governor_is_replaced(databases) -> None:
    governed = governor(databases.source, LoadLimits(load=0.5))
    ask_often(governed, databases.source)
    run(
        databases.source,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'pgcutover' and datname = current_database()",
    )
    ask_often(governed, databases.source)
    governed.close()


def test_short_transactions_of_others_are_noticed_though_none_is_ever_seen_active(
    databases, monkeypatch
) -> None:
    """A role that may not see what others do still sees how much they complete."""
    run(databases.source, "create role watcher login password 'watcher'")
    monkeypatch.setattr(governing, "SAMPLE_SECONDS", 1.0)
    try:
        dsn = psycopg.conninfo.make_conninfo(databases.source, user="watcher", password="watcher")
        governed = governor(dsn, LoadLimits(load=0.5))
        with another(databases.source, "select 1"), governed.throttled():
            assert governed.is_busy  # before the first question, so that it is short already
        governed.close()
    finally:
        run(databases.source, "drop role watcher")


def test_reading_goes_on_when_the_pressure_is_gone(databases) -> None:
    said: list[str] = []
    hog = psycopg.connect(databases.source)
    hog.execute("select pg_current_xact_id()")
    run(databases.source, "create table t ()")

    def relieve(reason: str) -> None:
        said.append(reason)
        hog.close()

    governed = governor(databases.source, LoadLimits(xmin_age_transactions=1), 60.0, relieve)
    hog_sees = hog.execute("select 1").fetchone()
    assert hog_sees == (1,)
    run(databases.source, "create table u ()", "create table w ()")
    with psycopg.connect(databases.source, autocommit=True) as others:
        for n in range(5):
            others.execute(f"create table x{n} ()".encode())
    governed.sleep_off()
    assert governed.pauses == 1
    assert "limit 1" in said[0]
    governed.close()


def test_patience_ends_with_the_reason(databases) -> None:
    with psycopg.connect(databases.source) as hog:
        hog.execute("select pg_current_xact_id()")
        with psycopg.connect(databases.source, autocommit=True) as others:
            for n in range(5):
                others.execute(f"create table x{n} ()".encode())
        governed = governor(databases.source, LoadLimits(xmin_age_transactions=1))
        with pytest.raises(UnreadableError, match=r"under pressure .*limit 1; run again"):
            governed.sleep_off()
        governed.close()


def test_a_table_is_compared_all_the_same_and_says_how_long_it_was_held_back(
    own_lab: Lab,
) -> None:
    names = ("core.kv", "core.customers", "core.ledger", "core.accounts") * 5
    with (
        another(own_lab.source, "select count(*) from generate_series(1, 20000)"),
        own_lab.comparer(source_limits=LoadLimits(load=0.01)) as comparer,
    ):
        diffs = [comparer.rows(own_lab.table(name)) for name in names]
    assert not any(diffs)
    assert max(d.facts.get("held_back_seconds", 0) for d in diffs) > 0


def test_a_server_under_pressure_makes_the_answer_unknown(own_lab: Lab) -> None:
    with psycopg.connect(own_lab.source) as hog:
        hog.execute("select pg_current_xact_id()")
        with psycopg.connect(own_lab.source, autocommit=True) as others:
            for n in range(5):
                others.execute(f"create table x{n} ()".encode())
        limits = LoadLimits(xmin_age_transactions=1)
        with (
            own_lab.comparer(source_limits=limits, pause_seconds=0.0) as comparer,
            pytest.raises(UnreadableError, match=r"the source has been under pressure"),
        ):
            comparer.rows(own_lab.table("core.kv"))
