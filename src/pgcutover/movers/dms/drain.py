"""Waits until all changes of the source are on the target, and measures the lag."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pgcutover.errors import MoverError
from pgcutover.movers.dms.client import Api
from pgcutover.movers.dms.load import refuse_failed
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.settings.task_settings import is_enabled
from pgcutover.movers.dms.task_status import read_tables, read_task

_WINDOW = timedelta(minutes=15)
_METRICS = ("CDCLatencySource", "CDCLatencyTarget")


@dataclass(frozen=True, slots=True)
class Lag:
    """DMS's latencies in CloudWatch; None without a value in the last 15 minutes."""

    source_seconds: float | None
    target_seconds: float | None
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class DrainResult:
    """The time that a marker row took from the source to the target.

    `unapplied` are tables of which DMS had then captured more changes than applied.
    """

    seconds: float
    unapplied: tuple[str, ...]


def drain(
    api: Api,
    name: str,
    write_marker: Callable[[], Callable[[], bool]],
    timeout_seconds: float,
    poll_seconds: float,
) -> DrainResult:
    """Write a marker row on the source and wait until it is on the target.

    DMS applies in commit order, so all earlier commits are on the target too. Batch apply keeps
    the order within a table only; there its counters must agree as well.
    """
    task = read_task(api, name)
    refuse_failed(task)
    if task.status != "running":
        raise MoverError(
            f"task {name!r} is {task.status}; expected running, else nothing is applied: resume it"
        )
    ordered = not is_enabled(task.settings, "TargetMetadata", "BatchApplyEnabled")
    begun = time.monotonic()
    arrived = write_marker()

    def probe() -> bool | None:
        if arrived() and (ordered or not any(t.unapplied for t in read_tables(api, task.arn))):
            return True
        _refuse_idle(api, name)
        return None

    wait_for(
        probe,
        what=f"marker through task {name!r}",
        timeout_seconds=timeout_seconds,
        poll_seconds=poll_seconds,
        hint="the task runs but lags; watch its latency, and drain again",
    )
    seconds = round(time.monotonic() - begun, 3)
    tables = read_tables(api, task.arn)
    return DrainResult(seconds, tuple(str(t.table) for t in tables if t.unapplied))


def lag(api: Api, name: str, instance: str) -> Lag:
    """Return the newest values of CDCLatencySource and CDCLatencyTarget."""
    task = read_task(api, name)
    now = datetime.now(UTC)
    answer = api.call(
        "cloudwatch",
        "get_metric_data",
        MetricDataQueries=[_query(metric, task.resource_id, instance) for metric in _METRICS],
        StartTime=now - _WINDOW,
        EndTime=now + timedelta(minutes=1),
        ScanBy="TimestampDescending",
    )
    found = {r["Id"]: r for r in answer.get("MetricDataResults", [])}
    newest = [_newest(found.get(metric.lower(), {})) for metric in _METRICS]
    moments = [moment for _, moment in newest if moment is not None]
    return Lag(newest[0][0], newest[1][0], min(moments, default=None))


def _refuse_idle(api: Api, name: str) -> None:
    task = read_task(api, name)
    refuse_failed(task)
    if task.status not in ("running", "starting"):
        raise MoverError(
            f"task {name!r} is {task.status} ({task.stop_reason or 'no reason given'}) while the "
            "marker was on its way; resume it and drain again"
        )


def _query(metric: str, task_id: str, instance: str) -> dict[str, Any]:
    dimensions = {"ReplicationInstanceIdentifier": instance, "ReplicationTaskIdentifier": task_id}
    return {
        "Id": metric.lower(),
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/DMS",
                "MetricName": metric,
                "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }


def _newest(result: Mapping[str, Any]) -> tuple[float | None, datetime | None]:
    values, moments = result.get("Values", []), result.get("Timestamps", [])
    return (float(values[0]), moments[0]) if values and moments else (None, None)
