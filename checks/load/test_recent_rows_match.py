"""The newest rows are the same on both sides.

Fails when: a row of the last hours (recent_window_hours before the source's newest) is missing,
  extra or changed.
Cannot see: older rows, and rows whose recent_column is NULL; DATA-ROWS does.
Needs: select on the table on both sides, and recent_column in migration.toml.
Costs: one read of the window on each side where recent_column is indexed; otherwise the scan that
  it shares with DATA-ROWS.
"""

import pytest


@pytest.mark.check("DATA-RECENT")
def test_recent_rows_match(recent_table, comparer):
    diff = comparer.recent(recent_table)
    assert not diff, diff.report()
