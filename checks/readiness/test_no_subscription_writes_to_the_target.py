"""No subscription writes to the target but one that migration.toml declares.

Fails when: the target's database has an enabled subscription that is no declared difference.
Cannot see: other writers; rows that they change are seen by the data checks.
Needs: nothing beyond a connection.
Costs: one small query on the target.
"""

import pytest


@pytest.mark.check("READY-SUBSCRIPTIONS")
def test_no_subscription_writes_to_the_target(readiness):
    diff = readiness.subscriptions()
    assert not diff, diff.report()
