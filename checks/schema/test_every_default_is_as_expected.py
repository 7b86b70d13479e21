"""Every column's default, position and storage is as expected.

Fails when: the default of a column is missing, extra or another expression than source and scripts
  give it, or a foreign table's column has other options. Another position, storage, compression,
  statistics target or n_distinct is a warning.
Cannot see: type, NOT NULL and identity; SCHEMA-COLUMNS does. Values that the old default has
  written.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-DEFAULTS")
def test_every_default_is_as_expected(schema_stage):
    diff = schema_stage.as_expected(
        "column",
        only=(
            "default",
            "options",
            "foreign_options",
            "position",
            "storage",
            "compression",
            "statistics_target",
        ),
    )
    assert not diff, diff.report()
