"""No old transaction, and no old row, of the source stops the migration.

Fails when: the oldest transaction or multixact id is 1,600,000,000 old, so that the server soon
  refuses writes. Warns from 1,000,000,000 on, of a transaction that has been open for 10 minutes,
  and of each prepared one.
Cannot see: transactions of other databases; those of other roles without pg_read_all_stats.
Needs: pg_read_all_stats on the source, to see the transactions of all roles.
Costs: three small queries on the source.
"""

import pytest


@pytest.mark.check("READY-TRANSACTIONS")
def test_no_old_transaction_stops_the_migration(readiness):
    diff = readiness.transactions()
    assert not diff, diff.report()
