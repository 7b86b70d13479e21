"""Every table has the expected properties, and those that are not mapped have their columns.

Fails when: a table differs in row-level security, partition key, access method, type or replica
  identity; extended statistics are missing or differ; a foreign table, or a table that the mapping
  excludes and the target has, has other columns, indexes or foreign keys. Storage parameters,
  tablespaces, CLUSTER marks and a lost REPLICA IDENTITY FULL are warnings.
Cannot see: columns of mapped tables; SCHEMA-COLUMNS and SCHEMA-DEFAULTS do. Missing and unexpected
  tables; SCHEMA-TABLES does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-TABLE-PROPERTIES")
def test_every_table_property_is_as_expected(schema_stage):
    diff = schema_stage.table_properties()
    assert not diff, diff.report()
