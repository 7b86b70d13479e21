"""Every change that the outbox captured is on the target, or will be within the limits.

Fails when: the target refused a key, which is parked; a captured table or one of its partitions
  lacks a trigger, or has one that does not always fire; the outbox has more entries than
  outbox.max_entries, or one older than outbox.max_age_seconds; the source has no outbox.
Cannot see: changes made while a trigger was missing or disabled, which the rows show.
Needs: select on the tables of schema pgcutover, as the relay has it; outbox.source_dsn_env.
Costs: a few queries, one of which counts the entries of the outbox.
"""

import pytest


@pytest.mark.check("OUTBOX", only_where="outbox.source_dsn_env")
def test_the_outbox_is_settled(outbox):
    diff = outbox.judge()
    assert not diff, diff.report()
