"""Both sides are reached over TLS that verifies certificate and host name.

Fails when: a session is not encrypted, or its sslmode is below verify-full.
Cannot see: how the application itself connects; only the gate's own sessions.
Needs: nothing.
Costs: one small query a side.
"""

import pytest


@pytest.mark.check("READY-TLS")
def test_both_sides_are_reached_over_verified_tls(readiness):
    diff = readiness.tls()
    assert not diff, diff.report()
