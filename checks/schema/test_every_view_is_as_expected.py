"""Every view, materialized view and rule is as expected.

Fails when: a view, materialized view or rule is missing, unexpected, or differs in query or
  options such as security_barrier, security_invoker and check_option; an index of a materialized
  view is missing, unexpected, defined otherwise or not valid.
Cannot see: whether a materialized view is populated and fresh; SCHEMA-VIEWS-FRESH does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-VIEWS")
def test_every_view_is_as_expected(schema_stage):
    diff = schema_stage.as_expected(
        "view", "materialized_view", "rule", held_by=["materialized_view"]
    )
    assert not diff, diff.report()
