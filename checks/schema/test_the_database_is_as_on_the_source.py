"""The database has the same encoding, locale, settings and large objects.

Fails when: encoding, LC_COLLATE, LC_CTYPE or locale provider differ; a setting of the database is
  missing or unexpected; large objects differ in number, owner or privileges; a role may connect,
  create or make temporary tables on one side only; a privilege on a parameter is missing or
  unexpected; a cast, text search configuration or dictionary that the server itself brings was
  altered on one side only, or a routine that was put into pg_catalog is missing. Collation
  versions, tablespaces, the owner and subscriptions are warnings.
Cannot see: contents of large objects; DATA-LARGE-OBJECTS does.
Needs: what is public of the catalogs.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-DATABASE")
def test_the_database_is_as_on_the_source(schema_stage):
    diff = schema_stage.as_on_the_source(
        "database",
        "database_setting",
        "database_grant",
        "large_object",
        "tablespace",
        "collation_version",
        "database_collation_version",
        "subscription",
        "parameter_grant",
        "system_cast",
        "system_text_search_configuration",
        "system_text_search_dictionary",
        "system_routine",
    )
    assert not diff, diff.report()
