"""Every foreign key is on the target, validated and enforced.

Fails when: a foreign key of the source or a declared one is missing, renamed, differs in columns,
  referenced table, actions, MATCH or deferrability, is NOT VALID, or has its triggers switched off.
Cannot see: rows written while it was off; DATA-ORPHANS looks for these. Settings that switch all
  triggers off; SCHEMA-TRIGGERS does.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-FKS")
def test_every_foreign_key_is_enforced(foreign_key, comparer):
    diff = comparer.foreign_key(foreign_key)
    assert not diff, diff.report()
