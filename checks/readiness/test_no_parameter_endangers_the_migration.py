"""No parameter of a server endangers the migration.

Fails when: changes of a side are to be read, and its wal_sender_timeout is below 10 s. Warns of a
  time after which idle slots are lost, of parameters that wait for a restart, of autovacuum that is
  off, and of a target whose log gets the rows that the mover writes.
Cannot see: parameters of the mover's own role; a parameter group that is not applied yet.
Needs: nothing beyond a connection to both sides.
Costs: two small queries a side.
"""

import pytest


@pytest.mark.check("READY-PARAMETERS")
def test_no_parameter_endangers_the_migration(readiness):
    diff = readiness.parameters()
    assert not diff, diff.report()
