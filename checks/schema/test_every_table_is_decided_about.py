"""Every table of the source is included or excluded, and every table of the target is expected.

Fails when: no selection rule includes or excludes a table of the source; a table of the target
  comes neither from the source nor from a script; a table that a script creates is missing. Tables
  of movers other than DMS are warnings.
Cannot see: columns; SCHEMA-COLUMNS does, and reports a mapped table that is missing.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-TABLES")
def test_every_table_is_decided_about(schema_stage):
    diff = schema_stage.tables()
    assert not diff, diff.report()
