"""The target accepts writes.

Fails when: the target is in recovery, or default_transaction_read_only is on for the server or the
  database, so that the application could not write after the cutover.
Cannot see: a full disk; a role that is read only by a setting of its own; missing grants.
Needs: nothing beyond a connection.
Costs: one small query on the target.
"""

import pytest


@pytest.mark.check("READY-WRITABLE")
def test_the_target_accepts_writes(readiness):
    diff = readiness.writable()
    assert not diff, diff.report()
