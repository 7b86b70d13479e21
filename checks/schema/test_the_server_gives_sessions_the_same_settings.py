"""Both servers give a new session the same settings.

Fails when: TimeZone, DateStyle, search_path, default_text_search_config or another setting that
  changes results or behaviour differs between the servers.
Cannot see: what drivers and poolers set for themselves; settings that the gate's own roles have.
Needs: what is public of the catalogs.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-SERVER")
def test_the_server_gives_sessions_the_same_settings(schema_stage):
    diff = schema_stage.as_on_the_source("server_setting")
    assert not diff, diff.report()
