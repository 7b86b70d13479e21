"""Every extension is installed, in the expected schema.

Fails when: an extension of the source is missing on the target, unexpected, or in another schema;
  a foreign data wrapper, foreign server or user mapping is missing. Versions are compared with the
  source's.
Cannot see: whether what an extension offers behaves alike in another version.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-EXTENSIONS")
def test_every_extension_is_as_expected(schema_stage):
    diff = schema_stage.extensions()
    assert not diff, diff.report()
