"""Clients reach the side that they are sent to.

Fails when: the DSN in the secret or the env file does not log in, or leads to another database than
  that of the side.
Cannot see: clients that read their connection elsewhere; a certificate that only they refuse.
Needs: a cutover; cutover.secret or cutover.env_file.
Costs: one connection for each of them, within the freeze.
"""

import pytest


@pytest.mark.check("SMOKE-LOGIN")
def test_clients_can_log_in(smoke):
    diff = smoke.login()
    assert not diff, diff.report()
