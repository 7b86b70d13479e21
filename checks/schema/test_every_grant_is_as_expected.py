"""Every role has the expected rights on every object.

Fails when: a privilege on a table, column, sequence, schema, function or type is missing or
  unexplained, be it an extension's or the server's own, or default privileges differ. Rights to
  the server's own objects that the target alone has are only told.
Cannot see: rights that come from being superuser or from membership; SCHEMA-ROLES compares these.
Needs: select on every table of the source, for pg_dump; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-GRANTS")
def test_every_grant_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("grant", "default_privilege", "extension_grant", "system_grant")
    assert not diff, diff.report()
