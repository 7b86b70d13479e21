"""Every expected index of a mapped table is on the target, as expected and valid.

Fails when: an index is missing, renamed or INVALID, or differs in table, columns, order, operator
  class, uniqueness, predicate or method, or in the constraint that it serves. An index that is
  INVALID on the source is a warning, and may be missing.
Cannot see: a corrupt index that the catalog calls valid; SCHEMA-AMCHECK looks for these. Storage
  parameters such as fillfactor; SCHEMA-TABLE-PROPERTIES does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-INDEXES")
def test_every_index_is_present_and_valid(index, schema_stage):
    diff = schema_stage.index(index)
    assert not diff, diff.report()
