"""Every object has the expected owner.

Fails when: the owner of a table, view, sequence, function, type or schema is another than on the
  source, or than the scripts say: views and security definer functions run with its privileges.
Cannot see: owners of extensions' objects.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-OWNERS")
def test_every_owner_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("owner")
    assert not diff, diff.report()
