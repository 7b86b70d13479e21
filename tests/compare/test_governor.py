"""Test that the comparison is throttled on a busy server and runs at full speed on an idle one."""

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
def application(dsn: str, statement: str) -> Iterator[None]:
    """Repeat a statement in another application's session during the block."""
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


def test_only_sessions_of_others_are_counted(databases, look) -> None:
    assert look().active_sessions == 0
    with psycopg.connect(databases.source, application_name="pgcutover") as ours:
        ours.execute("select 1")
        with application(databases.source, "select pg_sleep(0.2)"):
            seen = {look().active_sessions for _ in range(200)}
    assert max(seen) == 1


def test_hidden_activity_is_not_zero(databases) -> None:
    run(databases.source, "create role watcher login password 'watcher'")
    try:
        dsn = psycopg.conninfo.make_conninfo(databases.source, user="watcher", password="watcher")
        with (
            open_watch(dsn) as session,
            application(databases.source, "select pg_sleep(0.1)"),
        ):
            found = sample(session)
            assert found.active_sessions is None
            assert found.transactions > 0
    finally:
        run(databases.source, "drop role watcher")


def test_old_xmin_and_retained_wal_are_sampled(databases, look) -> None:
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
def test_each_exceeded_limit_is_named(pressure, limits, says) -> None:
    assert says in exceeded(pressure, limits)
    assert bool(says) == bool(exceeded(pressure, limits))


def governor(dsn: str, limits: LoadLimits, patience: float = 0.0, say=lambda _: None) -> Governor:
    return Governor("source", lambda: open_watch(dsn), limits, patience, say)


def run_queries(governed: Governor, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True, application_name="pgcutover") as session:
        for _ in range(12):
            governed.sleep_off()
            with governed.throttled():
                session.execute("select pg_sleep(0.02)")


def wait_until_quiet(dsn: str) -> None:
    """Wait for transactions of earlier tests, which servers count up to a second later."""
    counted = (
        "select sum(xact_commit + xact_rollback)::int from pg_stat_database"
        " where datname <> current_database()"
    )
    with psycopg.connect(dsn, autocommit=True) as session:
        last = quiet = 0
        for _ in range(120):
            session.execute("select pg_sleep(0.5), pg_stat_clear_snapshot()")
            (now,) = session.execute(counted).fetchone() or (0,)
            quiet = quiet + 1 if now - last <= 2 else 0  # autovacuum's launcher starts workers
            last = now
            if quiet == 3:
                return
    pytest.fail("other sessions use the test's server for a minute")


def test_only_a_busy_server_is_throttled(databases) -> None:
    wait_until_quiet(databases.source)
    governed = governor(databases.source, LoadLimits(load=0.5))
    run_queries(governed, databases.source)
    assert not governed.is_busy
    assert governed.throttled_seconds == 0
    with application(databases.source, "select count(*) from generate_series(1, 20000)"):
        while not governed.throttled_seconds:  # pytest's timeout ends a longer loop
            run_queries(governed, databases.source)
    governed.close()


def test_own_transactions_do_not_count_as_load(databases, monkeypatch) -> None:
    """Servers count a transaction up to a second later, so some samples include earlier ones."""
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


def test_load_seen_once_still_throttles_after_the_next_sample(databases) -> None:
    """For a third of the time the other session is between two short statements."""
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


def test_a_server_is_idle_only_after_several_quiet_samples(databases) -> None:
    governed = governor(databases.source, LoadLimits(load=0.5))
    with application(databases.source, "select pg_sleep(0.01)"):
        while not governed.is_busy:
            governed.pause()
    looks = 0
    while governed.is_busy:
        last = governed._last
        governed.pause()
        looks += governed._last is not last
    governed.close()
    assert looks >= 3


def test_a_lost_governor_session_is_replaced(databases) -> None:
    governed = governor(databases.source, LoadLimits(load=0.5))
    run_queries(governed, databases.source)
    run(
        databases.source,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'pgcutover' and datname = current_database()",
    )
    run_queries(governed, databases.source)
    governed.close()


def test_short_transactions_are_noticed_by_commit_counts(databases, monkeypatch) -> None:
    """A role that cannot see other sessions' activity still sees how many transactions commit."""
    run(databases.source, "create role watcher login password 'watcher'")
    monkeypatch.setattr(governing, "SAMPLE_SECONDS", 1.0)
    try:
        dsn = psycopg.conninfo.make_conninfo(databases.source, user="watcher", password="watcher")
        governed = governor(dsn, LoadLimits(load=0.5))
        with application(databases.source, "select 1"), governed.throttled():
            assert governed.is_busy  # before the first query, so that it is short already
        governed.close()
    finally:
        run(databases.source, "drop role watcher")


def test_reading_resumes_when_the_load_drops(databases) -> None:
    reasons: list[str] = []
    hog = psycopg.connect(databases.source)
    hog.execute("select pg_current_xact_id()")
    run(databases.source, "create table t ()")

    def relieve(reason: str) -> None:
        reasons.append(reason)
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
    assert "limit 1" in reasons[0]
    governed.close()


def test_waiting_ends_with_the_reason(databases) -> None:
    with psycopg.connect(databases.source) as hog:
        hog.execute("select pg_current_xact_id()")
        with psycopg.connect(databases.source, autocommit=True) as others:
            for n in range(5):
                others.execute(f"create table x{n} ()".encode())
        governed = governor(databases.source, LoadLimits(xmin_age_transactions=1))
        with pytest.raises(UnreadableError, match=r"under pressure .*limit 1; run again"):
            governed.sleep_off()
        governed.close()


def test_a_throttled_table_is_compared_and_reports_the_time(
    own_lab: Lab,
) -> None:
    names = ("core.kv", "core.customers", "core.ledger", "core.accounts") * 5
    with (
        application(own_lab.source, "select count(*) from generate_series(1, 20000)"),
        own_lab.comparer(source_limits=LoadLimits(load=0.01)) as comparer,
    ):
        diffs = [comparer.rows(own_lab.table(name)) for name in names]
    assert not any(diffs)
    assert max(d.facts.get("held_back_seconds", 0) for d in diffs) > 0


def test_an_overloaded_server_makes_the_result_unknown(own_lab: Lab) -> None:
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
