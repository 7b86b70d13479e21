"""Every row-level security policy is as expected.

Fails when: a policy is missing, unexpected, or differs in command, roles, USING or WITH CHECK.
Cannot see: whether row-level security is switched on; SCHEMA-TABLE-PROPERTIES does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-POLICIES")
def test_every_policy_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("policy")
    assert not diff, diff.report()
