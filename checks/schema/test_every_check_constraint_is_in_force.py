"""Every CHECK and exclusion constraint is on the target, validated and enforced.

Fails when: a CHECK or exclusion constraint is missing, unexpected, of another definition, NOT
  VALID or NOT ENFORCED where the source's is not; a NOT NULL is NOT VALID or NO INHERIT on one side
  only.
Cannot see: rows that violate it; a validated constraint has none.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-CHECKS")
def test_every_check_constraint_is_in_force(schema_stage):
    diff = schema_stage.as_expected(
        "check", "exclusion", also={"column": ["not_null_validated", "not_null_inherited"]}
    )
    assert not diff, diff.report()
