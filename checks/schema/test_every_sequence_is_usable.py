"""Every sequence gives a next value that nobody has yet.

Fails when: the next value of a sequence of the target is not beyond every value in the columns
  that draw from it, or not beyond the source's last one; a sequence has come to its end.
Cannot see: values drawn on the source after the check; leave a margin, or set sequences again at
  the cutover. Ids that the application makes itself.
Needs: select on every sequence, and on the columns that draw from them.
Costs: the greatest value of each such column, which an index gives at once.
"""

import pytest


@pytest.mark.check("SCHEMA-SEQUENCES-USABLE")
def test_every_sequence_is_usable(schema_state):
    diff = schema_state.sequences()
    assert not diff, diff.report()
