"""Every column of a table is on the target, and no other.

Fails when: a table or column is missing or extra, or a column differs in type, NOT NULL, identity,
  generated expression or collation; a table is unlogged, or inherits, on one side only. A type that
  differs only by a schema that no mapping rule speaks of is UNKNOWN.
Cannot see: defaults, storage and statistics targets.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-COLUMNS")
def test_every_column_is_as_on_the_source(table, comparer):
    diff = comparer.columns(table)
    assert not diff, diff.report()
