"""Source and target are two databases.

Fails when: both DSNs lead to the same database of the same running server, by whatever host name,
  or one of them to a physical standby of the other.
Cannot see: two databases that hold the wrong data; the data checks do.
Needs: execute on pg_control_system, as everyone has.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("READY-DISTINCT")
def test_source_and_target_are_two_databases(readiness):
    diff = readiness.distinct()
    assert not diff, diff.report()
