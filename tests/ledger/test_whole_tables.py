"""Tables that the ledgers cannot follow: the final gate compares them whole, in the freeze."""

from contextlib import closing

import pytest
from ledger.rig import Rig

from pgcutover.compare import CompareOptions
from pgcutover.config import Settings
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.gates.comparison_gate import ComparisonGate
from pgcutover.cutover.gates.ledger_gate import LedgerGate
from pgcutover.cutover.gates.proof_method import read_method
from pgcutover.cutover.gates.whole_tables import WholeTables
from pgcutover.cutover.resolver import Side
from pgcutover.ledger.open_set import NEVER_COMPARED


def made_gate(rig: Rig, settings: Settings) -> LedgerGate:
    full = ComparisonGate((*rig.dsns,), rig.manifest(), CompareOptions(salt="salt"))
    return LedgerGate(settings, WholeTables(full))


def test_a_table_without_a_key_is_compared_in_the_freeze(migration: tuple[Rig, Settings]) -> None:
    rig, settings = migration
    rig.both("create table app.k (n int)", "insert into app.k values (1), (1)")
    rig.open()
    rig.close()
    with closing(made_gate(rig, settings)) as gate, pytest.raises(StepError, match=NEVER_COMPARED):
        gate.prepare(Side.SOURCE)
    rig.open()
    assert rig.compare() == {}
    assert "compared in the freeze: app.k (it has no key)" in read_method(settings).describe()
    rig.both("truncate app.b")
    rig.close()
    with closing(made_gate(rig, settings)) as gate:
        forecast = gate.prepare(Side.SOURCE)
        assert forecast is not None
        assert gate.whole._seconds.keys() == {"app.b", "app.k"}
        facts = gate.prove(Side.SOURCE, 30)
        assert (facts["verdict"], facts["compared_whole"]) == ("PASS", ["app.k"])
        rig.run("source", "insert into app.k values (1)")
        with pytest.raises(StepError, match=r"FAIL: source and target differ: .*app\.k"):
            gate.prove(Side.SOURCE, 30)
        with pytest.raises(StepError, match="UNKNOWN"):
            gate.prove(Side.SOURCE, 0.000_001)
