"""Every enum, domain, composite, range and base type is as expected.

Fails when: a type is missing or unexpected, an enum has other labels or another order, a domain
  another base, constraint or default, a composite other attributes.
Cannot see: values that a lost constraint would have refused; DATA-ROWS compares them with the
  source.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-TYPES")
def test_every_type_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("enum", "domain", "composite", "range", "base_type")
    assert not diff, diff.report()
