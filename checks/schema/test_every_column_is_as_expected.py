"""Every column of a mapped table is as expected, and the table is there.

Fails when: a table or a column is missing; a column is on the target alone; a column differs in
  type, NOT NULL, identity, generated expression or collation; the table is unlogged on one side
  only or has other parents. Expected is the source under the mapping, after the scripts.
Cannot see: defaults and storage; SCHEMA-DEFAULTS does. NOT NULL that is not validated;
  SCHEMA-CHECKS does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-COLUMNS")
def test_every_column_is_as_expected(table, schema_stage):
    diff = schema_stage.columns(table)
    assert not diff, diff.report()
