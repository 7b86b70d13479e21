"""Every table of both sides is explained.

Fails when: a table of the source is neither included nor excluded by a selection rule, or a table of the
  target's mapped schemas comes from nowhere.
Cannot see: tables in schemas of the target to which nothing is mapped.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-TABLES")
def test_every_table_is_decided_about(comparer):
    diff = comparer.scope()
    assert not diff, diff.report()
