"""Every materialized view holds what its query gives now.

Fails when: a materialized view of the target is not populated, though the source's is, or holds
  other rows than its query gives on the target, and the rows did not change within
  budgets.settle_seconds. A view whose rows keep changing is a warning, as are tables without
  statistics.
Cannot see: whether the application refreshes it often enough.
Needs: select on the materialized views and on what they read.
Costs: each view's query on the target, twice where the view is stale, each at most
  budgets.statement_timeout_seconds.
"""

import pytest


@pytest.mark.check("SCHEMA-VIEWS-FRESH")
def test_every_materialized_view_is_fresh(schema_state):
    diff = schema_state.materialized_views()
    assert not diff, diff.report()
