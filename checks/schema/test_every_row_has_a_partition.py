"""Partitions take every row, today and in the coming days.

Fails when: a default partition holds rows, which belong elsewhere or nowhere; a table partitioned
  by time has no partition, and no default, for some moment of the coming days
  (schema.partitions_ahead_days); the partitions of a hash leave out some remainder; a
  partitioned table has no partition at all.
Cannot see: ranges of numbers that no row has reached yet.
Needs: select on the default partitions of the target.
Costs: the count of what default partitions hold.
"""

import pytest


@pytest.mark.check("SCHEMA-PARTITIONS-COVER")
def test_every_row_has_a_partition(schema_state):
    diff = schema_state.partitions()
    assert not diff, diff.report()
