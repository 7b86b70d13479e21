"""Every table of both sides is explained.

Fails when: a table of the source is neither included nor excluded by a selection rule, or a table
  of the target comes from nowhere, in a schema that tables move into or have left.
Cannot see: tables in other schemas of the target.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-TABLES")
def test_every_table_is_decided_about(comparer):
    diff = comparer.scope()
    assert not diff, diff.report()
