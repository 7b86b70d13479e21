"""Both sides have room for the sessions of a migration.

Fails when: a side allows fewer than 5 more connections, by max_connections or by the limit of the
  database. It warns below 20, and of timeouts that would end the sessions of the mover, where there
  is one.
Cannot see: limits of single roles; what a pooler or the host allows.
Needs: nothing beyond a connection to both sides.
Costs: two small queries a side.
"""

import pytest


@pytest.mark.check("READY-SESSIONS")
def test_there_is_room_for_more_sessions(readiness):
    diff = readiness.room()
    assert not diff, diff.report()
