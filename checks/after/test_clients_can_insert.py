"""Clients can insert through every sequence and identity.

Fails when: an insert of a copy of a row fails with the role of clients, but by a unique
  constraint without a column of a sequence. It is always rolled back.
Cannot see: empty tables, deferred constraints, and partitions that are missing for later rows.
Needs: after.try_inserts; cutover.secret or cutover.env_file.
Costs: one insert for each table, a value of its sequence, and what its triggers do.
"""

import pytest


@pytest.mark.check("AFTER-INSERTS", only_where="after.try_inserts")
def test_clients_can_insert(after):
    diff = after.inserts()
    assert not diff, diff.report()
