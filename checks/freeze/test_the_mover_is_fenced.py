"""The mover's role cannot write to the target any more.

Fails when: the role may log in, or has a session or a prepared transaction, and no trigger refuses
  its writes. Where the hook fence_mover fences it: a subscription there is enabled.
Cannot see: a mover that writes as another role than freeze.mover_role; a hook that only claims to
  have fenced the mover.
Needs: a cutover; freeze.mover_role or the hook fence_mover, else the result is UNKNOWN.
Costs: two small queries on the target, within the freeze.
"""

import pytest


@pytest.mark.check("FREEZE-MOVER")
def test_the_mover_is_fenced(freeze_run, freeze):
    diff = freeze.mover()
    assert not diff, diff.report()
