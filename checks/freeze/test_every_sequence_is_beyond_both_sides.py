"""Every sequence of the target continues beyond both sides.

Fails when: the next value of a sequence of the target has been given by the source's sequence, or
  is in a column of the target already. Sequences are raised after the drain.
Cannot see: values that an application reserved in its memory, as with a cache of ids.
Needs: a cutover; select on the sequences of both sides.
Costs: two small queries for each sequence, within the freeze.
"""

import pytest


@pytest.mark.check("FREEZE-SEQUENCES")
def test_every_sequence_is_beyond_both_sides(freeze_run, freeze):
    diff = freeze.sequences()
    assert not diff, diff.report()
