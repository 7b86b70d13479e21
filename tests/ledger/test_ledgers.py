"""The ledgers on real servers: what a change on either side does to the proof."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

import pytest
from ledger.rig import Rig

from pgcutover.compare.snapshots import ReadIn, RecheckedKeys, read_snapshot
from pgcutover.connect import open_session
from pgcutover.errors import UnreadableError
from pgcutover.ledger.store import SUSPECT
from pgcutover.sides import Sides
from pgcutover.verdict import Verdict


def test_equal_tables_are_proven_and_changes_are_compared_again(rig: Rig) -> None:
    rig.both("insert into app.a select n, 'v' from generate_series(1, 100) n")
    ledgers = rig.open()
    assert rig.prove().verdict is Verdict.UNKNOWN
    assert rig.compare() == {}
    assert rig.prove().verdict is Verdict.PASS
    rig.run("source", "update app.a set v = 'w' where id <= 10")
    proof = rig.prove()
    assert (proof.verdict, proof.differing) == (Verdict.FAIL, {"app.a": 10})
    rig.run("target", "update app.a set v = 'w' where id <= 10")
    assert rig.prove().verdict is Verdict.PASS
    assert ledgers.open_set().keys == 0
    rig.run("target", "delete from app.a where id = 50")
    proof = rig.prove()
    assert (proof.verdict, proof.differing) == (Verdict.FAIL, {"app.a": 1})


@dataclass
class ArrivingFence:
    """A fence that passes after the change that was in flight has arrived."""

    arrive: Callable[[], None]
    name: str = "change of the test"

    def passes(self) -> bool:
        self.arrive()
        return True


def test_rows_in_flight_are_compared_again_by_the_settlement(rig: Rig) -> None:
    rig.both("insert into app.a select n, 'v' from generate_series(1, 100) n")
    ledgers = rig.open()
    change = "update app.a set v = 'w' where id = 7; delete from app.a where id = 8"
    rig.run("source", change)
    assert rig.compare(fence=ArrivingFence(lambda: rig.run("target", change))) == {}
    suspects = ledgers.store.fetch("select name, key from change where side = ?", SUSPECT)
    assert suspects == [("app.a", '["7"]')]
    assert rig.prove().verdict is Verdict.PASS


def test_a_comparison_of_before_the_slot_or_of_before_another_one_proves_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken() -> list[object]:
        with open_session(rig.dsns.source) as source, open_session(rig.dsns.target) as target:
            return [read_snapshot(source), read_snapshot(target)]

    before = taken()
    rig.both("insert into app.a values (1, 'v')")
    ledgers = rig.open()
    with pytest.raises(UnreadableError, match="older than the ledger's slot"):
        ledgers.record_comparison("app.a", *before)  # type: ignore[arg-type]
    early = taken()
    rig.both("insert into app.a values (2, 'v')")
    assert rig.compare() == {}
    with pytest.raises(UnreadableError, match="older than the ledger's slot or"):
        ledgers.record_comparison("app.a", *early)  # type: ignore[arg-type]
    standby = replace(taken()[0], in_recovery=True)  # type: ignore[type-var]
    read_in = ReadIn(Sides(standby, standby), Sides(standby, standby), Sides("", ""))  # type: ignore[arg-type]
    ledgers.log.record(rig.manifest().tables[0], read_in, RecheckedKeys(frozenset(), None))
    assert "expected the primary, found a standby" in ledgers.store.note()
    ledgers.record_comparison("app.a", *taken())  # type: ignore[arg-type]
    assert rig.prove().verdict is Verdict.PASS
    rig.both("update app.a set v = 'w' where id = 1")
    ledgers.drain(monotonic() + 30)
    comparer = ledgers._parts.comparer
    in_recovery = comparer.begin_keys().map(lambda each: replace(each, in_recovery=True))
    comparer.end_keys()
    monkeypatch.setattr(comparer, "begin_keys", lambda: in_recovery)
    with pytest.raises(UnreadableError, match="found a standby"):
        ledgers.settle_once(wait=False)
    assert ledgers.open_set().keys == 1


def test_a_run_goes_on_after_its_connections_were_lost(rig: Rig) -> None:
    rig.both("insert into app.a select n, 'v' from generate_series(1, 20) n")
    ledgers = rig.open()
    assert rig.compare() == {}
    lost = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    passes = []

    def stop() -> bool:
        passes.append(1)
        if len(passes) == 3:
            rig.both(lost, "update app.a set v = 'w' where id = 7")
        recorded = ledgers.store.counter("recorded") == 2
        return (recorded and not ledgers.open_set().keys) or len(passes) > 400

    ledgers.run(stop, lambda _: None)
    assert rig.prove().verdict is Verdict.PASS
    assert ledgers.store.counter("closed") == 2


def test_a_commit_that_is_not_flushed_yet_is_waited_for(rig: Rig) -> None:
    rig.both("insert into app.a values (1, '0')")
    rig.open()
    assert rig.compare() == {}
    rig.run("target", "alter system set wal_writer_delay = '500ms'", "select pg_reload_conf()")
    try:
        rig.run("target", "set synchronous_commit = off; update app.a set v = 'unflushed'")
        assert rig.prove().differing == {"app.a": 1}
    finally:
        rig.run("target", "alter system reset wal_writer_delay", "select pg_reload_conf()")
