"""No mapped table has an unexpected foreign key on the target.

Fails when: a table of the target has a foreign key that neither the source, nor a script, nor a
  declared difference creates.
Cannot see: who created it, and why.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-FKS-EXTRA")
def test_no_foreign_key_is_unexpected(table, schema_stage):
    diff = schema_stage.extra_foreign_keys(table)
    assert not diff, diff.report()
