"""Every sequence is on the target with the same options and owner column.

Fails when: a sequence is missing, unexpected, or differs in type, increment, bounds, start, cycle,
  cache, persistence, or the column it belongs to.
Cannot see: the sequence's position; SCHEMA-SEQUENCES-USABLE does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-SEQUENCES")
def test_every_sequence_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("sequence")
    assert not diff, diff.report()
