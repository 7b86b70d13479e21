"""The target offers what the source uses.

Fails when: an extension of the source is not among those that the target offers. It warns of event
  triggers, of constraints that are NOT VALID, and of md5 passwords.
Cannot see: md5 passwords, unless the role may read pg_authid; functions that need a superuser.
Needs: nothing beyond a connection to both sides; select on pg_authid for the passwords.
Costs: five small queries.
"""

import pytest


@pytest.mark.check("READY-OFFERED")
def test_the_target_offers_what_the_source_uses(readiness):
    diff = readiness.offered()
    assert not diff, diff.report()
