"""Metrics of RDS and errors in CloudWatch Logs; UnreadableError where AWS does not answer."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pgcutover.config import After
from pgcutover.diff import finding
from pgcutover.errors import MoverError, UnreadableError
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_WINDOW = timedelta(minutes=10)
_MOST_PAGES = 20
_MB = 1_000_000
# (metric, statistic)
_METRICS = (
    ("CPUUtilization", "Average"),
    ("DatabaseConnections", "Maximum"),
    ("FreeStorageSpace", "Minimum"),
    ("ReadLatency", "Average"),
    ("WriteLatency", "Average"),
)


class AwsCaller(Protocol):
    """Calls AWS; `pgcutover.movers.dms.client.Api` does."""

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of one operation; MoverError says why there is none."""


@dataclass(frozen=True, slots=True)
class CloudWatch:
    """The metrics and the log group that `settings` name."""

    aws: AwsCaller
    settings: After

    def metric_findings(self, max_connections: int) -> Iterator[Finding]:
        """Yield the metrics beyond their limit; `max_connections` is the server's setting."""
        found = self._newest()
        limits = self.settings
        milliseconds = {n: found[n] * 1_000 for n in ("ReadLatency", "WriteLatency")}
        for name, value, limit, unit in (
            ("CPUUtilization", found["CPUUtilization"], limits.max_cpu_percent, "%"),
            ("DatabaseConnections", found["DatabaseConnections"],
             limits.max_connection_share * max_connections, "connections"),
            *((n, value, limits.max_latency_ms, "ms") for n, value in milliseconds.items()),
        ):  # fmt: skip
            if value > limit:
                yield _beyond(name, f"{value:.1f} {unit}", f"at most {limit:g}", limits)
        free = found["FreeStorageSpace"] / _MB
        if free < limits.min_free_storage_mb:
            least = f"at least {limits.min_free_storage_mb:g}"
            yield _beyond("FreeStorageSpace", f"{free:.0f} MB", least, limits)

    def log_findings(self) -> Iterator[Finding]:
        """Yield a finding if the filter finds events; their text is not read."""
        settings, count = self.settings, 0
        token: Mapping[str, str] = {}
        begin = int((time.time() - settings.log_minutes * 60) * 1_000)
        for _ in range(_MOST_PAGES):
            answer = self._call(
                "logs", "filter_log_events", logGroupName=settings.log_group, startTime=begin,
                filterPattern=settings.error_filter, **token,
            )  # fmt: skip
            count += len(answer.get("events", ()))
            if not answer.get("nextToken"):
                break
            token = {"nextToken": answer["nextToken"]}
        if count:
            yield finding(
                settings.log_group,
                "errors in the log",
                f"{settings.log_group}: {count_noun(count, 'event')} of the last "
                f"{settings.log_minutes:g} minutes match {settings.error_filter!r}; read them in "
                "CloudWatch Logs",
                events=count,
            )

    def _newest(self) -> Mapping[str, float]:
        """Return the newest value of each metric; UnreadableError where one has none."""
        now = datetime.now(UTC)
        answer = self._call(
            "cloudwatch",
            "get_metric_data",
            MetricDataQueries=[self._query(*each) for each in _METRICS],
            StartTime=now - _WINDOW,
            EndTime=now + timedelta(minutes=1),
            ScanBy="TimestampDescending",
        )
        values = {r["Label"]: r["Values"][0] for r in answer["MetricDataResults"] if r["Values"]}
        if missing := [name for name, _ in _METRICS if name not in values]:
            raise UnreadableError(
                f"{self.settings.rds_instance}: CloudWatch has no values of the last 10 minutes of "
                f"{', '.join(missing)}; compare after.rds_instance and after.region"
            )
        return values

    def _query(self, metric: str, statistic: str) -> dict[str, Any]:
        dimension = {"Name": "DBInstanceIdentifier", "Value": self.settings.rds_instance}
        named = {"Namespace": "AWS/RDS", "MetricName": metric, "Dimensions": [dimension]}
        stat = {"Metric": named, "Period": 60, "Stat": statistic}
        return {"Id": metric.lower(), "Label": metric, "MetricStat": stat}

    def _call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self.aws.call(service, operation, **parameters)
        except MoverError as error:
            raise UnreadableError(str(error)) from error


def _beyond(metric: str, found: str, expected: str, settings: After) -> Finding:
    message = f"{settings.rds_instance}: {metric} is {found}; expected {expected}"
    return finding(metric, "metric beyond its limit", message)
