"""A whole night on two servers, with a client that writes throughout."""

import pytest
from cutover.rig import LEDGER, Night
from cutover.subscriptions import execute

from pgcutover.cli import main
from pgcutover.cutover.resolver import Side, Step
from pgcutover.cutover.status import read_status


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    made = Night(tmp_path, databases, monkeypatch, LEDGER.format(databases.name))
    yield made
    made.close()


def test_cut_over_roll_back_and_cut_over_again_loses_no_write(night, capsys):
    night.compare_once()
    with night.client():
        for goal, stage in ((Side.TARGET, "freeze"), (Side.SOURCE, "freeze"), (Side.TARGET, None)):
            night.has_stage = stage is not None
            state = night.lead(goal)
            assert (state.writer, state.pointer, state.serves) == (goal, goal, True)
            facts = night.facts(Step.PROVE)
            assert (facts["method"], facts.get("stage")) == ("change ledger", stage)
            night.wait_for_writes(20)
    assert len(night.acknowledged()) > 60
    assert night.lost(Side.TARGET) == []
    assert main(["finish", "--migration", str(night.settings.path)]) == 0
    left = capsys.readouterr().out
    for line in ("the mover: stop", f"the slot pgcutover_{night.settings.name}_from_target"):
        assert f"left to do: {line}" in left
    assert "drop those that only the migration needed" in left
    assert "the source costs money until it is deleted" in left
    for dsn in night.dsns.values():  # the slots of the ledger, and its publication
        name = night.settings.ledger.slot
        found = f"select 1 from pg_replication_slots where slot_name = '{name}'"
        assert execute(dsn, found) == []
        assert execute(dsn, f"select 1 from pg_publication where pubname = '{name}'") == []
    assert read_status(night.settings).history.finished
