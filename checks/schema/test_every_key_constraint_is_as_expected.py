"""Every primary key and unique constraint is a constraint on the target too.

Fails when: a primary key or unique constraint is missing, unexpected, or differs in columns, name,
  deferrability or NULLS NOT DISTINCT; ON CONFLICT and foreign keys need the constraint, not just an
  index.
Cannot see: an index that is no constraint; SCHEMA-INDEXES does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-KEYS")
def test_every_key_constraint_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("primary_key", "unique")
    assert not diff, diff.report()
