"""The gate's roles may read every table on both sides, and all of its rows.

Fails when: a privilege is missing or row-level security would hide rows; as UNKNOWN, with what to
  grant, because nothing is known to differ.
Cannot see: privileges that are revoked after the run began; the data checks meet those.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("READY-READABLE")
def test_every_table_can_be_read(table, readiness):
    diff = readiness.readable(table)
    assert not diff, diff.report()
