"""Every difference that migration.toml declares is there, as declared, once.

Fails when: a declaration is repeated, is contradictory, or excuses no difference; a stale
  declaration could hide a later one.
Cannot see: whether a declared difference does harm.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-DECLARED")
def test_every_declaration_is_needed(schema_stage):
    diff = schema_stage.declarations()
    assert not diff, diff.report()
