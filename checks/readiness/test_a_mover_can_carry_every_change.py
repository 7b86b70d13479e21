"""A mover can carry every change of a mapped table.

Fails when: a mover or a ledger is to read the source's changes, and a mapped table is unlogged, or
  rows of it were updated or deleted and it has neither a primary key nor a replica identity. Warns
  where nothing reads changes, or nothing was changed yet, and of large objects and foreign tables,
  which no mover carries.
Cannot see: updates and deletes to come; those from before the statistics were reset.
Needs: nothing beyond a connection.
Costs: three catalog queries on the source.
"""

import pytest


@pytest.mark.check("READY-CHANGES")
def test_a_mover_can_carry_every_change(readiness):
    diff = readiness.changes()
    assert not diff, diff.report()
