"""Every role of the source is on the target, with the same settings.

Fails when: a role of the source is missing on the target, or differs in attributes, memberships or
  settings such as search_path and statement_timeout, except that the target may give no superuser,
  replication or createdb. Roles of the target alone are warnings.
Cannot see: passwords, which no check reads: try a login of each.
Needs: what is public of the catalogs.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-ROLES")
def test_every_role_is_as_on_the_source(schema_stage):
    diff = schema_stage.as_on_the_source("role", "role_setting")
    assert not diff, diff.report()
