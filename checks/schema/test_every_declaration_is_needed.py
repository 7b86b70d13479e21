"""Every difference declared in migration.toml is of one object that exists, and says it once.

Fails when: a declaration is repeated, names no object that the manifest knows, or cannot be meant;
  an idle one would one day excuse a fault. One that source and target no longer need is a finding
  of the object's own check.
Cannot see: whether a declared difference is wise.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-DECLARED")
def test_every_declaration_is_needed(comparer):
    diff = comparer.declarations()
    assert not diff, diff.report()
