"""Every table that holds rows has planner statistics.

Fails when: a table or materialized view of the new side holds rows, and ANALYZE has not run.
Cannot see: statistics that are old.
Needs: select on the tables.
Costs: one query of the catalog, and one row of each table without statistics.
"""

import pytest


@pytest.mark.check("AFTER-STATISTICS")
def test_every_table_has_statistics(after):
    diff = after.statistics()
    assert not diff, diff.report()
