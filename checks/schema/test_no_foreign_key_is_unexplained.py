"""No foreign key of the target comes from nowhere.

Fails when: a table of the target has a foreign key that neither the source nor migration.toml
  explains.
Cannot see: why it was made.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-FKS-EXTRA")
def test_no_foreign_key_is_unexplained(table, comparer):
    diff = comparer.extra_foreign_keys(table)
    assert not diff, diff.report()
