"""AWS DMS can carry every mapped table.

Fails when: a mapped table has no primary key, and an array, or a replica identity and rows that
  were updated or deleted; or it has a column of type oid that is compared, a unique index that
  calls coalesce(), or a name that differs from another in case alone. Warns of times that are
  infinity by the statistics, and of functions that run TRUNCATE.
Cannot see: values that the statistics do not show; SQL of the application; losses by settings of
  the task, which DMS-TASK judges.
Needs: select on the tables of the source, to see their statistics.
Costs: five catalog queries on the source.
"""

import pytest


@pytest.mark.check("READY-DMS-TABLES", only_where="mover.dms")
def test_aws_dms_can_carry_every_table(readiness):
    diff = readiness.dms_tables()
    assert not diff, diff.report()
