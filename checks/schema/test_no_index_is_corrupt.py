"""No btree index of the target is corrupt.

Fails when: amcheck finds an index whose order or structure is wrong, as after a change of
  collation, or, asked to look in full, a row that its index does not have.
Cannot see: indexes of other methods; with `sample`, all but fifty indexes,
  unless the version of a collation changed: then it looks at all.
Needs: schema.amcheck in migration.toml; extension amcheck on the target, and execute on its
  functions.
Costs: a read of each index; in full, of each table too.
"""

import pytest


@pytest.mark.check("SCHEMA-AMCHECK", only_where="schema.amcheck")
def test_no_index_is_corrupt(amcheck_extent, schema_state):
    diff = schema_state.corruption(amcheck_extent)
    assert not diff, diff.report()
