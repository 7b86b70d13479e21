"""A whole night on two servers, with a client that writes throughout."""

import pytest
from cutover.rig import Night

from pgcutover.cutover.resolver import Side


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    made = Night(tmp_path, databases, monkeypatch)
    yield made
    made.close()


def test_cut_over_roll_back_and_cut_over_again_loses_no_write(night):
    with night.client():
        for goal in (Side.TARGET, Side.SOURCE, Side.TARGET):
            state = night.lead(goal)
            assert (state.writer, state.pointer, state.serves) == (goal, goal, True)
            night.wait_for_writes(20)
    assert len(night.acknowledged()) > 60
    assert night.lost(Side.TARGET) == []
