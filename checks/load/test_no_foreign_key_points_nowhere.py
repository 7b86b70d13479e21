"""No row of the target points at a row that is not there.

Fails when: an anti-join over the foreign key finds orphans, or MATCH FULL is violated, whatever
  the constraint claims.
Cannot see: references that no foreign key states.
Needs: select on both tables of the target.
Costs: one anti-join on the target.
"""

import pytest


@pytest.mark.check("DATA-ORPHANS")
def test_no_foreign_key_points_nowhere(foreign_key, comparer):
    diff = comparer.orphans(foreign_key)
    assert not diff, diff.report()
