"""No representative query has a much worse plan than on the side of before.

Fails when: a query cannot be planned for clients, or its plan costs more than
  cutover.smoke.plan_factor times as much, as it does without statistics or an index.
Cannot see: plans that depend on parameters, which are not known; cost settings, memory and disks
  of the servers; queries that are not representative.
Needs: a cutover; select on the queries' tables on the old side; pg_stat_statements, where
  cutover.smoke.queries says so, and pg_read_all_stats for it.
Costs: one plan for each query and side, within the freeze; nothing is run.
"""

import pytest


@pytest.mark.check("SMOKE-PLANS", only_where="cutover.smoke.queries")
def test_no_plan_is_much_worse(smoke):
    diff = smoke.plans()
    assert not diff, diff.report()
