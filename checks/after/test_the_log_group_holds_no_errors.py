"""The log group of the application holds no errors.

Fails when: after.error_filter finds events of the last after.log_minutes in after.log_group.
Cannot see: errors that the filter does not find. Their text is not read.
Needs: after.log_group and after.region; logs:FilterLogEvents.
Costs: one call of AWS, more where the log is long.
"""

import pytest


@pytest.mark.check("AFTER-CLOUDWATCH", only_where="after.log_group")
def test_the_log_group_holds_no_errors(after):
    diff = after.cloudwatch_log()
    assert not diff, diff.report()
