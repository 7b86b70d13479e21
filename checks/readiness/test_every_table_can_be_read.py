"""The gate's roles may read every table on both sides, and all of its rows.

Fails when: never; a privilege that is missing, or row-level security that would hide rows, leaves
  the table UNKNOWN and says what to grant.
Cannot see: privileges that are revoked after the run began; the data checks meet those.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("READY-READABLE")
def test_every_table_can_be_read(table, comparer):
    diff = comparer.readable(table)
    assert not diff, diff.report()
