"""Every numbered schema script is applied on the target, as the folder holds it.

Fails when: a script of setup/schema is not in the target's journal, has changed since it was
  applied, is gone, or stands before one that was applied.
Cannot see: changes made by hand after a script ran; the other schema checks look at the result.
Needs: usage on schema pgcutover and select on pgcutover.journal of the target.
Costs: two small queries.
"""

import pytest


@pytest.mark.check("SCHEMA-SCRIPTS", only_where="schema.scripts")
def test_every_script_is_applied(script_phase, schema_scripts):
    diff = schema_scripts.applied(script_phase)
    assert not diff, diff.report()
