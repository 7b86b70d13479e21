"""Every partition is attached with the expected bounds.

Fails when: a partition is missing, detached, unexpected, or has other bounds; a table is
  partitioned by something else; an index or foreign key that one partition has for itself is
  missing, unexpected, defined otherwise or not valid.
Cannot see: rows that the default partition holds for want of another; SCHEMA-PARTITIONS-COVER does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-PARTITIONS")
def test_every_partition_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("partition", held_by=["partition"])
    assert not diff, diff.report()
