"""Every sequence of the new side continues beyond both sides.

Fails when: the next value has been given by the old side's sequence, or is in a column already.
Cannot see: values that an application reserved in its memory.
Needs: select on the sequences of both sides.
Costs: two small queries for each sequence.
"""

import pytest


@pytest.mark.check("AFTER-SEQUENCES")
def test_every_sequence_is_beyond_both_sides(after):
    diff = after.sequences()
    assert not diff, diff.report()
