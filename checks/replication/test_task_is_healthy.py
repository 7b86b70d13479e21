"""The DMS task runs, or was stopped on purpose, is watched, and cuts no value.

Fails when: the task has failed or stopped by itself, carries a failure message, has logging or
  validation switched off, or has a LOB limit below the largest value on the source.
Cannot see: that a running task makes progress; its lag and the rows say so.
Needs: dms:DescribeReplicationTasks; select on every mapped table of the source.
Costs: one call of DMS and one scan of every source table that has LOB-like columns.
"""

import pytest


@pytest.mark.check("DMS-TASK", only_where="mover.dms")
def test_the_task_is_healthy(dms_task, mover, source, manifest):
    diff = mover.judge_task(source, manifest.tables)
    assert not diff, diff.report()
