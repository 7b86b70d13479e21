"""Source and target are not swapped.

Fails when: the source has the journal of a provisioned target, and the target has none. A source
  that is newer than its target is a warning, and so are control tables of DMS on the source alone.
Cannot see: swapped DSNs of databases that neither pgcutover nor DMS has written to.
Needs: nothing beyond a connection to both sides.
Costs: one small query a side.
"""

import pytest


@pytest.mark.check("READY-DIRECTION")
def test_source_and_target_are_not_swapped(readiness):
    diff = readiness.direction()
    assert not diff, diff.report()
