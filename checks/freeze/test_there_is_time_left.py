"""Enough of the freeze budget is left for the switch.

Fails when: less of freeze.budget_seconds is left than the switch needs.
Cannot see: how long the switch will take; the cutover rolls back where the budget ends before it.
Needs: a cutover.
Costs: nothing.
"""

import pytest


@pytest.mark.check("FREEZE-BUDGET")
def test_there_is_time_left(freeze_run, freeze):
    diff = freeze.time_left()
    assert not diff, diff.report()
