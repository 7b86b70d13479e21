"""No query has become much slower.

Fails when: a query of pg_stat_statements takes more than after.slow_query_factor times as long
  on average as on the old side, and more than 20 ms.
Cannot see: queries with fewer than 10 calls on either side, or with another text; the load of
  the servers.
Needs: pg_stat_statements on both sides, and pg_read_all_stats.
Costs: one query of the statistics a side.
"""

import pytest


@pytest.mark.check("AFTER-QUERIES", only_where="after.slow_query_factor")
def test_no_query_is_much_slower(after):
    diff = after.queries()
    assert not diff, diff.report()
