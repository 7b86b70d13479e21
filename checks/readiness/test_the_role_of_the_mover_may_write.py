"""The mover's role exists on the target and may write every mapped table.

Fails when: the role of `mover.target_role` does not exist on the target, may not log in, or lacks a
  right on a mapped table. That it may not disable triggers and foreign keys is a warning.
Cannot see: row-level security; rights on sequences; the role of another mover.
Needs: nothing beyond a connection to the target.
Costs: three catalog queries on the target.
"""

import pytest


@pytest.mark.check("READY-MOVER-ROLE", only_where="mover.target_role")
def test_the_role_of_the_mover_may_write(readiness):
    diff = readiness.mover_role()
    assert not diff, diff.report()
