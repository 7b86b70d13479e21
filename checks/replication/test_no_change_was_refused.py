"""DMS left no row in its control tables on the target: nothing refused, suspended or different.

Fails when: awsdms_apply_exceptions, awsdms_suspended_tables or awsdms_validation_failures_v1 (or
  _v2) holds a row, of this task or of an earlier one. DMS goes on running after such a row.
Cannot see: changes that DMS lost without writing a row; a control table that was emptied.
Needs: select on the awsdms_* tables of the target, in whatever schema DMS made them.
Costs: one small query for each control table.
"""

import pytest


@pytest.mark.check("DMS-EXCEPTIONS")
def test_no_change_was_refused(dms_task, mover, target, manifest):
    diff = mover.judge_exceptions(target, manifest.tables)
    assert not diff, diff.report()
