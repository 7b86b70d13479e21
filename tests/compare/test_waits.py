"""Test that differing tables wait for the mover once, and not at all without writes."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from compare.lab import Lab, run
from compare.livemover import live
from compare.test_live import KEYS, marker

from pgcutover.catalog import Manifest
from pgcutover.compare.differences import counts
from pgcutover.compare.live import fence, witness
from pgcutover.compare.live.write_history import (
    Observation,
    WriteHistory,
    checkpoint_observation,
)
from pgcutover.compare.plan.model import TableSide
from pgcutover.errors import UnreadableError

TABLES = [f"core.t{n}" for n in range(12)]


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Collect times that pass at once: the clocks of the servers and of the run are ahead by them.

    So the results do not depend on the time that the tests themselves take.
    """
    passed: list[float] = []
    observe = WriteHistory.observe

    def observe_ahead(history: WriteHistory, side: TableSide) -> None:
        observe(history, side)
        last = history._observations.pop()
        history._observations.append(replace(last, read_at=last.read_at + sum(passed)))

    monkeypatch.setattr(WriteHistory, "observe", observe_ahead)
    monkeypatch.setattr(witness, "monotonic", lambda: time.monotonic() + sum(passed))
    return passed


@pytest.fixture
def waits(monkeypatch, clock) -> list[float]:
    """Collect the waits for the mover, which pass at once."""
    found: list[float] = []
    monkeypatch.setattr(
        fence, "sleep", lambda seconds: (found.append(seconds), clock.append(seconds))
    )
    return found


@pytest.fixture
def polls(monkeypatch) -> list[float]:
    """Collect the waits for a marker, and sleep as usual."""
    found: list[float] = []
    sleep = fence.sleep
    monkeypatch.setattr(fence, "sleep", lambda seconds: (found.append(seconds), sleep(seconds)))
    return found


@pytest.fixture
def twelve(own_lab: Lab) -> Lab:
    """Twelve tables; on the target each lacks its first row and has an extra one."""
    for dsn, schema, first in ((own_lab.source, "app", 1), (own_lab.target, "core", 2)):
        for n in range(12):
            run(
                dsn,
                f"create table {schema}.t{n} (id int primary key, v text)",
                f"insert into {schema}.t{n} select i, 'x' from generate_series({first}, 50) i",
            )
    run(own_lab.target, *(f"insert into {table} values (99, 'y')" for table in TABLES))
    return own_lab


def with_earlier_time(manifest: Manifest, seconds: float) -> Manifest:
    """Return the manifest with an earlier time, as if nothing had been written since."""
    return replace(
        manifest,
        source=replace(manifest.source, read_at=manifest.source.read_at - seconds),
        target=replace(manifest.target, read_at=manifest.target.read_at - seconds),
    )


def states(lab: Lab, manifest: Manifest, seconds: float, tables=TABLES) -> list[str]:
    with lab.comparer(manifest, fence=fence.WaitingFence(seconds)) as comparer:
        diffs = [comparer.rows(manifest.target_table(table)) for table in tables]
    for diff in diffs:
        found = {f.kind: f.evidence["count"] for f in diff.findings()}
        assert found == {"rows missing": 1, "rows extra": 1}
    return [finding.evidence["state"] for diff in diffs for finding in diff.findings()]


def test_without_writes_no_table_waits(twelve, waits) -> None:
    found = states(twelve, with_earlier_time(twelve.manifest(), 100.0), 30.0)
    assert waits == []
    assert set(found) == {"2 keys different, and not modified for longer than rechecks would wait"}


def test_a_checkpoint_before_the_run_shows_that_nothing_was_written_since(
    twelve, waits, clock
) -> None:
    for dsn in (twelve.source, twelve.target):
        run(dsn, "checkpoint", autocommit=True)
    clock.append(200.0)
    found = states(twelve, with_earlier_time(twelve.manifest(), -200.0), 30.0)
    assert waits == []
    assert set(found) == {"2 keys different, and not modified for longer than rechecks would wait"}


def test_a_checkpoint_shows_nothing_where_a_transaction_was_running() -> None:
    assert checkpoint_observation("1:700", "700", 10.0) == Observation(
        f"{(1 << 32) + 700}:{(1 << 32) + 700}:", 12.0
    )
    assert checkpoint_observation("1:700", "699", 10.0) is None
    assert checkpoint_observation("0:700", "0", 10.0) is None


def test_all_tables_share_one_wait(twelve, waits) -> None:
    states(twelve, twelve.manifest(), 30.0)
    assert 1 <= len(waits) <= 3


def test_tables_that_differ_after_writing_wait_once_more(twelve, waits) -> None:
    manifest = with_earlier_time(twelve.manifest(), 100.0)
    run(twelve.source, "update app.t0 set v = v where id = 1")
    states(twelve, manifest, 30.0)
    assert 1 <= len(waits) <= 3


@contextmanager
def open_writer(dsn: str, statement: str) -> Iterator[None]:
    with psycopg.connect(dsn) as connection:
        connection.execute(statement.encode())
        yield
        connection.rollback()


def test_an_extra_row_is_waited_for_while_any_transaction_of_the_source_may_delete(
    twelve, waits
) -> None:
    """The deletion may precede the scan and be unapplied; only a silent source excludes it."""
    manifest = with_earlier_time(twelve.manifest(), 100.0)
    with open_writer(twelve.source, "create table app.other (id int)"):
        states(twelve, manifest, 30.0, TABLES[:1])
    assert len(waits) == 3


def test_extra_rows_of_all_tables_wait_once_while_the_source_is_written(twelve, waits) -> None:
    """A snapshot taken at the first wait shows that the other keys were already missing."""
    with open_writer(twelve.source, "create table app.other (id int)"):
        found = states(twelve, twelve.manifest(), 30.0)
    assert len(waits) == 3
    assert len(found) == 24


def test_a_key_that_was_deleted_after_the_first_wait_is_waited_for(twelve, monkeypatch) -> None:
    manifest, arriving = twelve.manifest(), []

    def sleep(seconds: float) -> None:
        if arriving:
            arriving.pop()()
        time.sleep(seconds)

    monkeypatch.setattr(fence, "sleep", sleep)
    run(twelve.target, "insert into core.t1 values (1, 'x')", "delete from core.t1 where id = 99")
    with (
        open_writer(twelve.source, "create table app.other (id int)"),
        twelve.comparer(manifest, fence=fence.WaitingFence(0.2)) as comparer,
    ):
        assert comparer.rows(manifest.target_table("core.t0"))
        run(twelve.source, "delete from app.t1 where id = 7")
        arriving.append(lambda: run(twelve.target, "delete from core.t1 where id = 7"))
        diff = comparer.rows(manifest.target_table("core.t1"))
    assert (bool(diff), diff.facts["in_flight"], arriving) == (False, 1, [])


@pytest.fixture
def markers(monkeypatch) -> list[object]:
    """Collect the markers."""
    found: list[object] = []
    write = fence.write_marker
    monkeypatch.setattr(fence, "write_marker", lambda *args: (found.append(args), write(*args))[1])
    return found


def test_an_applied_marker_confirms_the_next_tables(twelve, markers) -> None:
    with live(twelve.source, twelve.target, KEYS, lag_seconds=0.3):
        manifest = twelve.manifest()
        with twelve.comparer(manifest, fence=marker(twelve)) as comparer:
            diffs = [comparer.rows(manifest.target_table(table)) for table in TABLES]
            first = len(markers)
            run(twelve.source, "update app.t0 set v = 'z' where id = 3")
            late = comparer.rows(manifest.target_table("core.t1"))
            run(twelve.source, "update app.t2 set v = 'new' where id = 1")
            changed = comparer.rows(manifest.target_table("core.t2"))
    for diff in (*diffs, late):
        found = {f.kind: f.evidence for f in diff.findings()}
        assert found.keys() == {"rows missing", "rows extra"}
        for evidence in found.values():
            assert evidence["state"].startswith("CONFIRMED for 2 keys behind marker"), evidence
    assert first == 2
    assert changed
    assert len(markers) > first, "a row that was written after the markers needs another one"


def test_a_deletion_between_manifest_and_scan_is_waited_for(twelve, monkeypatch) -> None:
    run(twelve.target, "insert into core.t0 values (1, 'x')", "delete from core.t0 where id = 99")
    manifest = with_earlier_time(twelve.manifest(), 100.0)
    run(twelve.source, "delete from app.t0 where id = 7")
    arriving = [lambda: run(twelve.target, "delete from core.t0 where id = 7")]
    monkeypatch.setattr(fence, "sleep", lambda _: arriving.pop()())
    with twelve.comparer(manifest, fence=fence.WaitingFence(30.0)) as comparer:
        diff = comparer.rows(manifest.target_table("core.t0"))
    assert (bool(diff), diff.facts["in_flight"], arriving) == (False, 1, [])


def test_a_transaction_that_was_running_when_the_manifest_was_read_is_waited_for(
    twelve, monkeypatch
) -> None:
    """Its xid is below those of transactions that ended earlier, so only a snapshot shows it."""
    run(twelve.target, "insert into core.t0 values (1, 'x')", "delete from core.t0 where id = 99")
    with psycopg.connect(twelve.source) as connection:
        connection.execute("delete from app.t0 where id = 7")
        run(twelve.source, "create table app.later (id int)")
        manifest = with_earlier_time(twelve.manifest(), 100.0)
        connection.commit()
    arriving = [lambda: run(twelve.target, "delete from core.t0 where id = 7")]
    monkeypatch.setattr(fence, "sleep", lambda _: arriving.pop()())
    with twelve.comparer(manifest, fence=fence.WaitingFence(30.0)) as comparer:
        diff = comparer.rows(manifest.target_table("core.t0"))
    assert (bool(diff), diff.facts["in_flight"]) == (False, 1)


def test_a_stalled_mover_is_waited_for_once(twelve, polls) -> None:
    for dsn, schema in ((twelve.source, "app"), (twelve.target, "core")):
        run(dsn, f"create table {schema}.marker (id uuid primary key)")
    manifest = twelve.manifest()
    with twelve.comparer(manifest, fence=marker(twelve, 0.35)) as comparer:
        for table in TABLES:
            assert "CONFIRMED" not in comparer.rows(manifest.target_table(table)).report()
    assert len(polls) <= 5


@pytest.fixture
def few_suspects(monkeypatch) -> None:
    monkeypatch.setattr(counts, "SUSPECT_LIMIT", 10)


def test_many_unapplied_rows_are_no_difference(own_lab: Lab, monkeypatch) -> None:
    monkeypatch.setattr(counts, "SUSPECT_LIMIT", 500)  # more than are unapplied at any other time
    with live(own_lab.source, own_lab.target, KEYS, lag_seconds=1.0):
        run(own_lab.source, "update app.live set v = v || '!'")
        with own_lab.comparer(fence=marker(own_lab)) as comparer:
            diff = comparer.rows(own_lab.table("core.live"))
    assert (bool(diff), diff.facts["in_flight"] > 500) == (False, True)


@pytest.mark.usefixtures("few_suspects")
def test_many_real_differences_are_confirmed(own_lab: Lab) -> None:
    with live(own_lab.source, own_lab.target, KEYS, lag_seconds=0.5):
        run(own_lab.target, "update core.live set v = 'wrong' where id < 0")
        with own_lab.comparer(fence=marker(own_lab)) as comparer:
            diff = comparer.rows(own_lab.table("core.live"))
    changed = next(f for f in diff.findings() if f.kind == "rows changed")
    assert re.search(r"CONFIRMED for \d+ keys behind marker through core", changed.message)
    assert "more rows not rechecked" in changed.message


@pytest.mark.usefixtures("few_suspects")
def test_many_differences_with_a_stalled_mover_are_unproven(own_lab: Lab) -> None:
    with live(own_lab.source, own_lab.target, KEYS, lag_seconds=1000.0):
        run(own_lab.source, "update app.live set v = v || '!' where id < 0")
        with own_lab.comparer(fence=marker(own_lab, 0.5)) as comparer:
            diff = comparer.rows(own_lab.table("core.live"))
    message = diff.findings()[0].message
    assert "CONFIRMED" not in message
    assert "still different after" in message


@pytest.mark.usefixtures("few_suspects")
def test_many_rows_that_keep_changing_are_unknown(own_lab: Lab, monkeypatch) -> None:
    for dsn, schema in ((own_lab.source, "app"), (own_lab.target, "core")):
        run(
            dsn,
            f"create table {schema}.busy (id int primary key, v int)",
            f"insert into {schema}.busy select i, 0 from generate_series(1, 100) i",
        )
    write: Callable[[object], None] = lambda _: run(own_lab.source, "update app.busy set v = v + 1")  # noqa: E731
    write(None)
    monkeypatch.setattr(fence, "sleep", write)
    with (
        own_lab.comparer(fence=fence.WaitingFence(1000.0)) as comparer,
        pytest.raises(UnreadableError, match=r"100 rows still differ .*none of the 10 keys"),
    ):
        comparer.rows(own_lab.table("core.busy"))
