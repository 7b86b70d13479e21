"""The logs of the application hold no errors.

Fails when: the hook cutover.hooks.errors ends with exit code 1, or its address answers with
  another status than 2xx.
Cannot see: errors that the hook does not look for.
Needs: cutover.hooks.errors.
Costs: the hook's time.
"""

import pytest


@pytest.mark.check("AFTER-LOGS", only_where="cutover.hooks.errors")
def test_the_logs_hold_no_errors(after):
    diff = after.logs()
    assert not diff, diff.report()
