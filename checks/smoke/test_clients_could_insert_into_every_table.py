"""Clients could insert into every table that they could insert into before.

Fails when: clients may not insert into a table or use the sequence of a default, or a default
  fails. A role of that name that may not insert on the old side need not on the new one.
Cannot see: triggers and constraints, which only an insert meets, and no insert is possible before
  the opening; AFTER-INSERTS tries that. Positions of sequences; FREEZE-SEQUENCES sees those.
Needs: a cutover.
Costs: one plan for each table and one query of all defaults, within the freeze.
"""

import pytest


@pytest.mark.check("SMOKE-INSERTS")
def test_clients_could_insert_into_every_table(smoke):
    diff = smoke.inserts()
    assert not diff, diff.report()
