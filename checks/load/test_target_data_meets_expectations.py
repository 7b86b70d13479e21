"""The target's data is what its Great Expectations suite says such data must look like.

Fails when: an expectation of the table's suite is not met: a value missing, repeated, outside of
  its range or set, not of its form, or fewer rows than there must be.
Cannot see: tables without a suite, what a suite does not speak of, and wrong values that look
  right: only the comparison with the source sees those.
Needs: great-expectations (the extra "expectations"), select on the columns that the suite names.
Costs: a few scans of the table on the target, one or two more for every row_condition, and a sort
  for every uniqueness; no row leaves the server. The first of a process loads the library: 3 s.
"""

import pytest


@pytest.mark.check("DATA-EXPECTATIONS", only_where="expectations")
def test_target_data_meets_expectations(expected_table, expectations):
    diff = expectations.meets(expected_table)
    assert not diff, diff.report()
