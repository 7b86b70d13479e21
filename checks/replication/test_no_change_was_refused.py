"""DMS left no row in its control tables on the target: nothing refused, suspended or different.

Fails when: awsdms_apply_exceptions, awsdms_suspended_tables or awsdms_validation_failures_v1 (or
  _v2) holds a row, of any task. DMS goes on running after such a row. Asked without [mover.dms]
  too, because a target may have been loaded by DMS before.
Cannot see: changes that DMS lost without writing a row; a control table that was emptied.
Needs: select on the awsdms_* tables of the target, in the schema where DMS created them.
Costs: one small query for each control table.
"""

import pytest


@pytest.mark.check("DMS-EXCEPTIONS")
def test_no_change_was_refused(dms_control_tables, target, manifest):
    diff = dms_control_tables.judge(target, manifest.tables)
    assert not diff, diff.report()
