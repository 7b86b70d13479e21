"""No setting of the target disables foreign keys and triggers for every session.

Fails when: session_replication_role is other than origin for the target's database, for every
  database, or in its server's configuration, as a load may have left it.
Cannot see: what one role sets for itself, as a mover may have to; single disabled triggers, which
  SCHEMA-FKS and SCHEMA-TABLE-TRIGGERS do.
Needs: nothing beyond the catalogs.
Costs: nothing; the manifest knows it.
"""

import pytest


@pytest.mark.check("SCHEMA-TRIGGERS")
def test_no_setting_switches_triggers_off(readiness):
    diff = readiness.triggers()
    assert not diff, diff.report()
