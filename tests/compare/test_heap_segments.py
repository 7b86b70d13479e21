"""Test heap scans in segments: rows written between two snapshots are not lost."""

from collections.abc import Callable, Iterator
from threading import Barrier, Lock

import psycopg
import pytest
from compare.lab import Lab, rule, rules, run
from compare.test_governor import application

from pgcutover.compare import Comparer
from pgcutover.compare.scan import bucket_scan, heap_segments
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.compare.throttle import governor
from pgcutover.compare.throttle.server_load import LoadLimits, sample
from pgcutover.connect import open_watch
from pgcutover.diff import Diff

ROWS = 60_000
MADE = (
    "create schema app",
    "create table app.t (k text primary key, v text, pad text)",
    f"insert into app.t select 'k' || i, case when i = DIFFERING then 'w' else 'v' end,"
    f" repeat('x', 200) from generate_series(1, {ROWS}) i",
)
FIRST = "array(select 'k' || i from generate_series(1, 3000) i)"
LAST = "array(select 'k' || i from generate_series(59001, 60000) i)"
MOVE = f"update app.t set pad = pad || '' where k = any ({LAST})"


@pytest.fixture
def make_lab(fresh_database, monkeypatch) -> Callable[..., Lab]:
    """Return a function that makes a lab with free space at the heap's start and short segments."""
    monkeypatch.setattr(heap_segments, "_FIRST_ROWS", 5000)

    def made(differing: int = 0) -> Lab:
        lab = Lab(
            fresh_database("source"),
            fresh_database("target"),
            rules=rules([rule(1, "selection", "include", "app", "%")]),
            recent={},
            options={"chunk_seconds": 0.005},
        )
        for dsn, other in ((lab.source, 0), (lab.target, differing)):
            run(dsn, *(s.replace("DIFFERING", str(other)) for s in MADE))
            run(dsn, f"delete from app.t where k = any ({FIRST})")
            run(dsn, "vacuum (analyze) app.t", autocommit=True)
        return lab

    return made


@pytest.fixture
def free_lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()


@pytest.fixture
def run_between(monkeypatch) -> Iterator[Callable[..., None]]:
    """Run an action when both sides have ended their first snapshot."""
    counts = {"source": 0, "target": 0}
    lock, snapshot = Lock(), SideSession.snapshot

    def act(action: Callable[[], None]) -> None:
        barrier = Barrier(2, action)

        def renewed(session: SideSession):
            with lock:
                counts[session.side] += 1
                number = counts[session.side]
            if number == 2:
                session.close_snapshot()
                barrier.wait(60)
            return snapshot(session)

        monkeypatch.setattr(SideSession, "snapshot", renewed)

    yield act
    assert counts["source"] >= 2 <= counts["target"]


def move(lab: Lab, statement: str = MOVE) -> Callable[[], None]:
    def moved() -> None:
        for dsn in (lab.source, lab.target):
            run(dsn, statement, autocommit=True)

    return moved


def compared(lab: Lab, **options: object) -> tuple[Comparer, Diff]:
    with lab.comparer(**options) as comparer:
        return comparer, comparer.rows(lab.table("app.t"))


def first_page_of(dsn: str, key: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select (ctid::text::point)[0]::int from app.t where k = %s", [key]
        ).fetchone()
    assert row is not None
    return row[0]


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select count(*) from app.t").fetchone()[0]


def test_a_row_moved_to_a_scanned_page_is_compared(make_lab, run_between) -> None:
    free_lab = make_lab(59500)
    before = [first_page_of(dsn, "k59500") for dsn in (free_lab.source, free_lab.target)]
    run_between(move(free_lab, "update app.t set pad = pad || '' where k = 'k59500'"))
    _, diff = compared(free_lab, snapshot_seconds=0.0)
    after = [first_page_of(dsn, "k59500") for dsn in (free_lab.source, free_lab.target)]
    assert all(b < a / 4 for a, b in zip(before, after, strict=True))
    assert diff.facts["snapshots"] > 2
    assert [(f.kind, f.evidence["count"]) for f in diff.findings()] == [("rows changed", 1)]


def test_moved_rows_are_equal_and_counted_once(free_lab: Lab, run_between) -> None:
    run_between(move(free_lab))
    _, diff = compared(free_lab, snapshot_seconds=0.0)
    assert not diff
    assert diff.facts["rows_source"] == count(free_lab.source)


def test_rows_that_come_and_go_between_snapshots_are_equal(free_lab: Lab, run_between) -> None:
    change = (
        f"with gone as (delete from app.t where k = any ({LAST}) returning *)"
        " insert into app.t select 'new ' || k, v, pad from gone limit 500"
    )
    run_between(move(free_lab, change))
    _, diff = compared(free_lab, snapshot_seconds=0.0)
    assert not diff
    assert diff.facts["rows_source"] == count(free_lab.source)


def test_a_heap_rewritten_between_snapshots_is_read_again(make_lab, run_between) -> None:
    free_lab = make_lab(30000)
    before = first_page_of(free_lab.source, "k30000")
    run_between(move(free_lab, "vacuum full app.t"))
    _, diff = compared(free_lab, snapshot_seconds=0.0)
    assert first_page_of(free_lab.source, "k30000") < before
    assert [(f.kind, f.evidence["count"]) for f in diff.findings()] == [("rows changed", 1)]
    assert diff.facts["rows_source"] == count(free_lab.source)


def test_many_writes_between_snapshots_make_it_one_scan(make_lab, run_between, monkeypatch) -> None:
    monkeypatch.setattr(bucket_scan, "_MOST_WRITTEN_ROWS", 100)
    free_lab = make_lab(59500)
    run_between(move(free_lab))
    _, diff = compared(free_lab, snapshot_seconds=0.0)
    assert [(f.kind, f.evidence["count"]) for f in diff.findings()] == [("rows changed", 1)]


def test_a_young_snapshot_on_an_idle_server_is_kept(free_lab: Lab) -> None:
    _, diff = compared(free_lab)
    assert not diff
    assert "snapshots" not in diff.facts


def test_a_busy_server_is_throttled_between_segments(free_lab: Lab, monkeypatch) -> None:
    monkeypatch.setattr(governor, "SAMPLE_SECONDS", 0.05)
    with application(free_lab.source, "select pg_sleep(0.2)"), open_watch(free_lab.source) as watch:
        while not sample(watch).active_sessions:
            pass
        _, diff = compared(free_lab, source_limits=LoadLimits(load=0.1))
    assert not diff
    assert diff.facts["snapshots"] > 2
    assert diff.facts["held_back_seconds"] > 0
