"""The metrics of RDS are within their limits.

Fails when: CPUUtilization, DatabaseConnections, FreeStorageSpace, ReadLatency or WriteLatency
  is beyond its limit of [after].
Cannot see: the last minute, which CloudWatch does not have yet.
Needs: after.rds_instance and after.region; cloudwatch:GetMetricData. Without values the result
  is UNKNOWN.
Costs: one call of AWS, one small query.
"""

import pytest


@pytest.mark.check("AFTER-METRICS", only_where="after.rds_instance")
def test_the_metrics_are_within_limits(after):
    diff = after.metrics()
    assert not diff, diff.report()
