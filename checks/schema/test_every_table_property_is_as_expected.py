"""Every table has the expected properties.

Fails when: a table is missing or unexplained, in whatever schema; or differs in persistence,
  row-level security, partition key, inheritance, access method or replica identity; a foreign
  table, or one that the mapping leaves out, has other columns, indexes or foreign keys. Storage
  parameters, tablespaces, extended statistics and marks of CLUSTER are only told.
Cannot see: columns of other tables; SCHEMA-COLUMNS and SCHEMA-DEFAULTS do.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-TABLE-PROPERTIES")
def test_every_table_property_is_as_expected(schema_stage):
    diff = schema_stage.as_expected(
        "table",
        "foreign_table",
        "storage",
        "statistics",
        told={"index": ["clustered", "statistics_targets"]},
        held_by=["foreign_table", "table"],
    )
    assert not diff, diff.report()
