"""No client is connected to the old side any more.

Fails when: a role of clients has a session on the old side.
Cannot see: clients that will connect there later; roles that pgcutover uses itself.
Needs: freeze.application_roles, or cutover.secret or cutover.env_file with another role than
  ours.
Costs: one small query on the old side.
"""

import pytest


@pytest.mark.check("AFTER-STRAGGLERS")
def test_no_client_is_on_the_old_side(after):
    diff = after.stragglers()
    assert not diff, diff.report()
