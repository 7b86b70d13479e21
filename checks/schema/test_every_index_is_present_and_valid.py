"""Every index is on the target with the same definition, and valid.

Fails when: an index of the source or a declared one is missing, renamed, differs in columns, order,
  operator class, uniqueness, predicate, method or constraint, or is not valid on every partition.
  An expression that differs only by a schema that no mapping rule speaks of is UNKNOWN.
Cannot see: a corrupt index that the catalog calls valid; storage parameters such as fillfactor.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-INDEXES")
def test_every_index_is_present_and_valid(index, comparer):
    diff = comparer.index(index)
    assert not diff, diff.report()
