"""The recent rows of both sides agree, and those that do not have a named cause.

Fails when: recent rows differ in two readings, settle_seconds apart: the second write was lost, was
  repeated or made by somebody else on the target alone, arrived in another order, or generated
  values of its own (a time, a uuid, a number of a sequence).
Cannot see: rows beyond the newest 20,000 of a side; the writer's name. DATA-RECENT names the keys.
Needs: select on the table on both sides, recent_column, dual_write.application_role.
Costs: two reads of at most 20,000 rows on each side.
"""

import pytest


@pytest.mark.check("DUAL-RECENT", only_where="dual_write.application_role")
def test_every_second_write_arrived(recent_table, second_write):
    diff = second_write.recent(recent_table)
    assert not diff, diff.report()
