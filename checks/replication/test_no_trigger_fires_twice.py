"""No trigger fires for both writes of an application that writes to source and target.

Fails when: a trigger of a mapped table is enabled on both sides under one name, so that what it
  writes or computes is made twice.
Cannot see: triggers that the target alone has, which SCHEMA-TRIGGERS does; rules, and code of the
  application that writes again.
Needs: both catalogs; dual_write.application_role.
Costs: one query of the catalog on each side.
"""

import pytest


@pytest.mark.check("DUAL-TRIGGERS", only_where="dual_write.application_role")
def test_no_trigger_fires_twice(second_write):
    diff = second_write.triggers()
    assert not diff, diff.report()
