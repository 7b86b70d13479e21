"""The DMS task runs, or was stopped on purpose, and no setting of it loses or hides rows.

Fails when: the task failed or stopped by itself, or reports a failure; a setting of the task or an
  endpoint can lose rows of these tables, or hide that it did; the LOB limit of a table is below its
  largest value; a table is loaded in segments that leave out rows; a transaction has been open
  since before the load, or is prepared. docs/dms-settings.md lists every setting.
Cannot see: that a running task makes progress, which its lag and the rows show; transactions of
  other roles without pg_read_all_stats.
Needs: dms:DescribeReplicationTasks, dms:DescribeEndpoints; select on every mapped table of the
  source; pg_read_all_stats on the source.
Costs: three calls of DMS and one scan of every source table that has LOB-like columns.
"""

import pytest


@pytest.mark.check("DMS-TASK", only_where="mover.dms")
def test_the_task_is_healthy(dms_task, mover, source, target, manifest):
    diff = mover.judge_task(source, target, manifest.tables)
    assert not diff, diff.report()
