"""No integer key and no sequence of the source is near its end.

Fails when: an integer column with a unique index, or a sequence, has used 80 % of its numbers; from
  50 % on it warns. `policy.numbers_near_end` accepts it for a reason.
Cannot see: columns that are not the first of a unique index; keys that the application makes of
  parts; sequences that the role may not read, which it warns of; sequences that cycle.
Needs: select on the key columns and sequences of the source.
Costs: the greatest value of each integer key, which its index gives at once.
"""

import pytest


@pytest.mark.check("READY-NUMBERS")
def test_no_key_is_near_its_end(readiness):
    diff = readiness.key_space()
    assert not diff, diff.report()
