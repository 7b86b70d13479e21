"""Scheduled jobs run on the new side alone.

Fails when: a job of pg_cron, pgAgent or pg_timetable is enabled on the old side, or on neither.
Cannot see: jobs of a pg_cron that runs in another database, and schedulers outside of
  PostgreSQL.
Needs: select on the schedulers' tables.
Costs: three small queries a side.
"""

import pytest


@pytest.mark.check("AFTER-JOBS")
def test_jobs_run_on_the_new_side_alone(after):
    diff = after.jobs()
    assert not diff, diff.report()
