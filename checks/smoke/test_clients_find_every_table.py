"""Clients find the tables under the names without a schema by which they found them before.

Fails when: the search_path with which clients begin a session finds no table or another one, such
  as of a table that moved to another schema. A view under the old name is as good as the table.
Cannot see: a search_path that the application sets by itself; tables that are renamed.
Needs: a cutover; a role of clients of the same name on both sides, else the old search_path is
  taken to be the database's.
Costs: two small queries, within the freeze.
"""

import pytest


@pytest.mark.check("SMOKE-NAMES")
def test_clients_find_every_table(smoke):
    diff = smoke.names()
    assert not diff, diff.report()
