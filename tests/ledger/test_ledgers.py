"""The ledgers on real servers: what a change on either side does to the proof."""

from ledger.rig import Rig

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
