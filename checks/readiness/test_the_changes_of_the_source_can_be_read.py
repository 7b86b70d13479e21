"""The changes of the source can be read, and no slot is left behind there.

Fails when: a mover or a ledger is to read changes, and wal_level of the side is not logical, or the
  DSN leads to a standby. Few free slots or senders, a slot that nobody reads, and a limit of WAL
  beyond which a slot is lost, are warnings.
Cannot see: a host that drops idle slots; a proxy that refuses replication connections.
Needs: nothing beyond a connection.
Costs: three small queries a side.
"""

import pytest


@pytest.mark.check("READY-DECODING")
def test_the_changes_of_the_source_can_be_read(readiness):
    diff = readiness.decoding()
    assert not diff, diff.report()
