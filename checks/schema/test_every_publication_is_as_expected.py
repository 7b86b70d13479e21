"""Every publication of the application is on the target.

Fails when: a publication of the source is missing on the target, so that its subscribers get
  nothing after the cutover, or covers other tables, operations, rows or columns. One that the
  target itself subscribes to, or that a known mover made, is a warning; awsdms* and pgcutover* are
  left out.
Cannot see: subscriptions and slots of consumers.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-PUBLICATIONS")
def test_every_publication_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("publication", "publication_table", "publication_schema")
    assert not diff, diff.report()
