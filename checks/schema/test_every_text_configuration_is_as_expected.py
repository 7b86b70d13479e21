"""Every collation and text search configuration is as expected.

Fails when: a collation, text search configuration, dictionary, parser or template is missing,
  unexpected or defined otherwise.
Cannot see: collations of the database itself; SCHEMA-DATABASE does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-TEXT")
def test_every_text_configuration_is_as_expected(schema_stage):
    diff = schema_stage.as_expected(
        "collation",
        "text_search_configuration",
        "text_search_dictionary",
        "text_search_parser",
        "text_search_template",
    )
    assert not diff, diff.report()
