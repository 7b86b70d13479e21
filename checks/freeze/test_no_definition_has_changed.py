"""No definition has changed on either side since the gate passed.

Fails when: a table, column, constraint, index, routine or another definition was created, altered
  or dropped, or a table was truncated, since this run took its marks; new tables are such a change.
  A change between the gate and the marks refuses the freeze.
Cannot see: changes of roles, grants of schemas and settings; the write fence is no change.
Needs: a cutover.
Costs: one query of a few milliseconds a side, within the freeze.
"""

import pytest


@pytest.mark.check("FREEZE-SCHEMA")
def test_no_definition_has_changed(freeze_run, freeze):
    diff = freeze.schema()
    assert not diff, diff.report()
