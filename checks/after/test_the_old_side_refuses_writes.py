"""The old side refuses writes.

Fails when: a table of the old side has no fence, or another trigger under its name.
Cannot see: sessions with session_replication_role = replica, as the reverse mover's is.
Needs: a cutover that has opened a side. With cutover.dual_write nothing is expected.
Costs: one small query on the old side.
"""

import pytest


@pytest.mark.check("AFTER-FENCE")
def test_the_old_side_refuses_writes(after):
    diff = after.fence()
    assert not diff, diff.report()
