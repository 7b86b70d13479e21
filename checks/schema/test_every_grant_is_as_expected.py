"""Every role has the expected privileges on every object.

Fails when: a privilege on a table, column, sequence, schema, function or type is missing or
  unexpected, also on objects of extensions and of the server; default privileges differ.
  Privileges on objects of the server that only the target grants are warnings.
Cannot see: privileges from being superuser or from membership; SCHEMA-ROLES compares these.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-GRANTS")
def test_every_grant_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("grant", "default_privilege", "extension_grant", "system_grant")
    assert not diff, diff.report()
