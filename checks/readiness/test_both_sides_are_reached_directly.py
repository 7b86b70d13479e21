"""Both sides are reached directly, and replication connections reach them too.

Fails when: the ledger is to stream changes of a side, and the side refuses a replication connection
  although the role may open one. Without a ledger that is a warning, and so is a pooler or proxy in
  front of a side.
Cannot see: a proxy that passes the server's own process id; the way on which the mover connects;
  replication connections, where the role may not replicate.
Needs: REPLICATION (on RDS `rds_replication`), to try a replication connection.
Costs: two small queries a side, and one more connection.
"""

import pytest


@pytest.mark.check("READY-DIRECT")
def test_both_sides_are_reached_directly(readiness):
    diff = readiness.direct()
    assert not diff, diff.report()
