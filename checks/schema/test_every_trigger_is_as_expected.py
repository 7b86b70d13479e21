"""Every trigger and event trigger is as expected, and enabled as expected.

Fails when: a trigger or event trigger is missing, unexpected, of another definition, or disabled,
  enabled or enabled on replicas only where the source's is not.
Cannot see: settings that switch all triggers off; SCHEMA-TRIGGERS does.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-TABLE-TRIGGERS")
def test_every_trigger_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("trigger", "event_trigger")
    assert not diff, diff.report()
