"""Nobody wrote to the source since the freeze began.

Fails when: the freeze does not hold its lock on every table any more, a sequence of the source has
  moved, which no lock prevents, or an enabled subscription writes to the source.
Cannot see: large objects; tables that the mapping leaves out.
Needs: a cutover; select on the sequences of the source.
Costs: three small queries on the source, within the freeze.
"""

import pytest


@pytest.mark.check("FREEZE-WRITERS")
def test_nobody_wrote(freeze_run, freeze):
    diff = freeze.writers()
    assert not diff, diff.report()
