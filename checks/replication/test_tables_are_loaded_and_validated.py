"""DMS has loaded the table whole, goes on applying its changes, and its validation agrees.

Fails when: DMS does not move the table, has not completed it or reports it in error or cancelled;
  rows failed to load; validation is off for it or found rows that differ; or, where DMS saw no
  change since the load, its count of loaded rows is not that of both sides. A validation that is
  pending, suspended or broken is UNKNOWN.
Cannot see: rows that DMS itself never captured, other than in a table it saw no change of; a table
  without a primary key is not validated by DMS, which is shown and left to the row checks.
Needs: dms:DescribeReplicationTasks, dms:DescribeTableStatistics; select on both sides.
Costs: a few calls of DMS; a count(*) on each side of a table without changes.
"""

import pytest


@pytest.mark.check("DMS-TABLES", only_where="mover.dms")
def test_the_table_is_loaded_and_validated(dms_table, mover, source, target):
    diff = mover.judge_table(dms_table, source, target)
    assert not diff, diff.report()
