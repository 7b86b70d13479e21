"""Both sides hold the same number of rows.

Fails when: the exact counts of a table differ.
Cannot see: rows that differ in content; DATA-ROWS does.
Needs: select on the table on both sides.
Costs: one scan of the table on each side, shared with DATA-ROWS.
"""

import pytest


@pytest.mark.check("DATA-COUNTS")
def test_row_counts_match(table, comparer):
    diff = comparer.counts(table)
    assert not diff, diff.report()
