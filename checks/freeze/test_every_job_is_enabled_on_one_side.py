"""Every scheduled job is enabled on exactly one side.

Fails when: a job of pg_cron, pgAgent or pg_timetable is enabled on both sides, so that it runs
  twice, or is on both sides and enabled on neither.
Cannot see: jobs of a pg_cron that runs in another database, and schedulers outside of PostgreSQL.
Needs: a cutover; select on the schedulers' tables.
Costs: three small queries a side, within the freeze.
"""

import pytest


@pytest.mark.check("FREEZE-JOBS")
def test_every_job_is_enabled_on_one_side(freeze_run, freeze):
    diff = freeze.jobs()
    assert not diff, diff.report()
