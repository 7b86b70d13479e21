"""The target refuses connections without encryption.

Fails when: it lets the gate's role try to log in with sslmode=disable, or a rule of its pg_hba.conf
  accepts unencrypted connections. A policy is not met then; nothing is known to differ.
Cannot see: rules for other roles and addresses, where the gate may not read pg_hba_file_rules.
Needs: nothing; with grants on the view pg_hba_file_rules and its function, all rules are read.
Costs: one connection that is not completed, and one small query.
"""

import pytest


@pytest.mark.check("READY-ENCRYPTED")
def test_the_target_refuses_unencrypted_connections(readiness):
    diff = readiness.encrypted()
    assert not diff, diff.report()
