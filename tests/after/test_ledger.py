"""Integrity by the change ledger: what differs long after its last change is red."""

import time

import pytest
from ledger.conftest import migration  # noqa: F401 - a fixture
from ledger.rig import Rig

from pgcutover.after.ledger import ledger_diff
from pgcutover.config import Settings
from pgcutover.errors import UnreadableError

Migration = tuple[Rig, Settings]


def test_keys_that_stay_different_are_red(migration: Migration) -> None:  # noqa: F811
    rig, settings = migration
    with pytest.raises(UnreadableError, match="no change was recorded"):
        ledger_diff(settings, 60)
    rig.begin()
    diff = ledger_diff(settings, 60)
    assert (bool(diff), diff.facts) == (False, {"open_keys": 0})
    rig.run("target", "update app.a set v = 'w' where id = 7")
    rig.prove()
    assert not ledger_diff(settings, 60)  # the reverse mover may still carry it
    past = time.time() - 100
    with rig.now.store.transaction() as database:
        database.execute("update change set at = ?", (past,))
    assert (
        "app.a: 1 key differs 60 s after the last change of it"
        in ledger_diff(settings, 60).report()
    )
    with rig.now.store.transaction() as database:
        database.execute("update attempt set covered = 0")
    with pytest.raises(UnreadableError, match="the oldest changed key is open for 10"):
        ledger_diff(settings, 60)
    rig.now.store.set_fault("source", "the slot is gone")
    with pytest.raises(UnreadableError, match="the slot is gone"):
        ledger_diff(settings, 60)
