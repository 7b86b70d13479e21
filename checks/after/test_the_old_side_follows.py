"""The old side follows the new one, so that a rollback loses nothing.

Fails when: the change ledger names keys that differ after.max_open_seconds after their last
  change.
Cannot see: tables that the ledger does not follow; their result is UNKNOWN.
Needs: the section [ledger], "pgcutover ledger run" as a service, and the reverse mover.
Costs: both catalogs, and one look into the file of the ledger.
"""

import pytest


@pytest.mark.check("AFTER-LEDGER", only_where="ledger.source_dsn_env")
def test_the_old_side_follows(after):
    diff = after.ledger()
    assert not diff, diff.report()
