"""Every row is the same on both sides, byte for byte of its representation.

Fails when: a row is missing, extra, repeated or changed in any column, however slightly: NULL for
  '', a microsecond, a trailing blank, 1.0 for 1.00.
Cannot see: excluded columns (the report lists them as not proven), and what changes after the scan.
Needs: select on the table on both sides.
Costs: one scan of the table on each side; a second one of the differing part.
"""

import pytest


@pytest.mark.check("DATA-ROWS")
def test_every_row_matches(table, comparer):
    diff = comparer.rows(table)
    assert not diff, diff.report()
