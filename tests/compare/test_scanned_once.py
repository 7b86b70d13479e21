"""Test that a table is scanned once, for any order of its checks and any number of workers."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from compare.lab import Lab, run
from support.processes import eventually

from pgcutover.compare import Comparer
from pgcutover.compare.scan import scanner
from pgcutover.compare.scan.checkpoints import Checkpoints

ORDERS = list(permutations(("counts", "rows", "recent", "orphans")))
TABLE, KEY = "core.visits", "core.visits.visits_place_fkey"


@pytest.fixture
def visits(own_lab: Lab) -> Iterator[Lab]:
    """A table with a foreign key and a recent column that has no index."""
    for dsn, schema in ((own_lab.source, "app"), (own_lab.target, "core")):
        run(
            dsn,
            f"create table {schema}.places (id int primary key)",
            f"insert into {schema}.places select generate_series(1, 9)",
            f"create table {schema}.visits (id int primary key, place int not null"
            f" constraint visits_place_fkey references {schema}.places, at timestamptz)",
            f"insert into {schema}.visits select i, i % 9 + 1, timestamptz '2026-01-01+00'"
            f" + i * interval '1 hour' from generate_series(1, 500) i",
            f"analyze {schema}.places, {schema}.visits",
        )
    own_lab.recent[TABLE] = "at"
    return own_lab


def scans(dsn: str) -> int:
    """Return the number of scans of the table that the server has started.

    A session counts its scans for others only as it ends, which takes longer than closing it.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert eventually(lambda: not _count_other_sessions(connection))
        row = connection.execute(
            "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables"
            " where relname = 'visits'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _count_other_sessions(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def run_check(comparer: Comparer, lab: Lab, question: str) -> object:
    if question == "orphans":
        return comparer.orphans(lab.object("foreign_key", KEY))
    return getattr(comparer, question)(lab.table(TABLE))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_the_order_of_checks_adds_no_scan(visits: Lab, order) -> None:
    before = scans(visits.source), scans(visits.target)
    with visits.comparer() as comparer:
        for question in order:
            assert not run_check(comparer, visits, question)
    # besides the comparison: the newest row, the count of recent rows, and the orphans
    assert scans(visits.source) - before[0] == 1 + 2
    assert scans(visits.target) - before[1] == 1 + 1


def test_a_failed_check_keeps_the_finished_scan(visits: Lab) -> None:
    before = scans(visits.source)
    with visits.comparer() as comparer:
        assert not run_check(comparer, visits, "rows")
        run(visits.target, "alter table core.places rename to spots")
        with pytest.raises(Exception, match="visits_place_fkey: the target could not be read"):
            run_check(comparer, visits, "orphans")
        assert not run_check(comparer, visits, "counts")
    assert scans(visits.source) - before == 1


def test_recent_rows_are_read_through_an_index(visits: Lab) -> None:
    for dsn, schema in ((visits.source, "app"), (visits.target, "core")):
        run(dsn, f"create index on {schema}.visits (at)", f"analyze {schema}.visits")
    with visits.comparer() as comparer:
        assert run_check(comparer, visits, "recent").facts["rows_source"] == 25
    with visits.comparer() as comparer:
        run_check(comparer, visits, "rows")
        assert run_check(comparer, visits, "recent").facts["rows_source"] == 25


def test_a_second_worker_waits_for_the_first_ones_scan(
    visits: Lab, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(scanner, "SMALL_ROWS", 50)
    first_reads, second_waits, reports = Event(), Event(), []

    def progress_of_first(*news: object) -> None:
        first_reads.set()
        assert second_waits.wait(60)

    def progress_of_second(
        table: str, done: int, expected: int | None, state: str, note: str = ""
    ) -> None:
        reports.append((table, state, note))
        second_waits.set()

    def compare(progress: object, found: list[object]) -> None:
        checkpoints = Checkpoints(tmp_path, resume=False)
        with visits.comparer(checkpoints=checkpoints, progress=progress) as comparer:
            found.append(comparer.rows(visits.table(TABLE)))

    first, second = [], []
    threads = [Thread(target=compare, args=(progress_of_first, first))]
    threads[0].start()
    assert first_reads.wait(60)
    threads.append(Thread(target=compare, args=(progress_of_second, second)))
    threads[1].start()
    for thread in threads:
        thread.join()
    assert reports[0] == (TABLE, "waiting", "another worker scans it")
    assert [(bool(d), d.facts["rows_source"]) for d in first + second] == [(False, 500)] * 2
