"""Every materialized view holds what its query gives now.

Fails when: a materialized view of the target is not populated, though the source's is, or holds
  other rows than its query gives on the target; while changes arrive that is only told, as are
  tables that were never analyzed.
Cannot see: whether the application refreshes it often enough.
Needs: select on the materialized views and on what they read.
Costs: each view's query, run once on the target, at most budgets.statement_timeout_seconds.
"""

import pytest


@pytest.mark.check("SCHEMA-VIEWS-FRESH")
def test_every_materialized_view_is_fresh(schema_state):
    diff = schema_state.population()
    assert not diff, diff.report()
