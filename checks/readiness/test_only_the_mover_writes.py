"""Only the mover writes to the target, and nothing writes to a source that has no mover.

Fails when: a session of another role than `mover.target_role` is writing to a mapped table of the
  target, or a transaction is prepared there; or, where no mover is known (no [mover], no marker, no
  enabled subscription), a session is writing to a mapped table of the source. Other roles that are
  connected are warnings.
Cannot see: sessions that write at another moment than that of the check; without `target_role`, a
  single role that writes in place of the mover.
Needs: nothing beyond a connection to both sides.
Costs: one small query on each side, and two more on the target.
"""

import pytest


@pytest.mark.check("READY-WRITERS")
def test_only_the_mover_writes(readiness):
    diff = readiness.writers()
    assert not diff, diff.report()
