"""The sequences of both sides cannot give one value to two rows.

Fails when: a mapped column draws from a sequence on both sides, and both can still give the same
  value: their ranges meet, and their increments and remainders do not keep them apart.
Cannot see: values that the application computes itself, such as max(id) + 1.
Needs: select on the sequences of both sides; dual_write.application_role.
Costs: one query of the catalog on each side.
"""

import pytest


@pytest.mark.check("DUAL-SEQUENCES", only_where="dual_write.application_role")
def test_no_sequences_collide(second_write):
    diff = second_write.sequences()
    assert not diff, diff.report()
