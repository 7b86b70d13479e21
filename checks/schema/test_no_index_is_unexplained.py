"""No index of the target comes from nowhere.

Fails when: a table of the target has an index that neither the source nor migration.toml explains.
Cannot see: why it was made.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-INDEXES-EXTRA")
def test_no_index_is_unexplained(table, comparer):
    diff = comparer.extra_indexes(table)
    assert not diff, diff.report()
