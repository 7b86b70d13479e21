"""The clocks of source and target agree.

Fails when: the target's clock differs from the source's by a minute or more, beyond what the round
  trips leave uncertain; from one second on it warns.
Cannot see: a clock that is adjusted later; time zones, which are compared as settings.
Needs: nothing beyond a connection to both sides.
Costs: five tiny queries a side.
"""

import pytest


@pytest.mark.check("READY-CLOCKS")
def test_the_clocks_of_both_sides_agree(readiness):
    diff = readiness.clocks()
    assert not diff, diff.report()
