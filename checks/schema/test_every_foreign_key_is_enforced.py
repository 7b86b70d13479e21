"""Every expected foreign key of a mapped table is on the target, validated and enforced.

Fails when: a foreign key is missing or renamed, differs in columns, referenced table, actions,
  MATCH or deferrability, is NOT VALID or NOT ENFORCED, or has disabled triggers.
Cannot see: rows written while it was not enforced; DATA-ORPHANS looks for these. Settings that
  disable all triggers; SCHEMA-TRIGGERS does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-FKS")
def test_every_foreign_key_is_enforced(foreign_key, schema_stage):
    diff = schema_stage.foreign_key(foreign_key)
    assert not diff, diff.report()
