"""Every schema is on the target, and no other.

Fails when: a schema is missing or unexpected.
Cannot see: what is in it; the other schema checks do.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-SCHEMAS")
def test_every_schema_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("schema")
    assert not diff, diff.report()
