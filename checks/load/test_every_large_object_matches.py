"""Every large object is on the target under its oid, with the same contents.

Fails when: a large object is missing or extra on the target, or its contents differ.
Cannot see: large objects that change while a mover runs, since no mover carries them.
Needs: select on every large object of both sides, or lo_compat_privileges.
Costs: one read of all large objects on each side; nothing without large objects.
"""

import pytest


@pytest.mark.check("DATA-LARGE-OBJECTS")
def test_every_large_object_matches(comparer):
    diff = comparer.large_objects()
    assert not diff, diff.report()
