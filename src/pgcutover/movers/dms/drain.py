"""Waiting until everything written on the source has reached the target, and how far it lags."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pgcutover.errors import MoverError
from pgcutover.movers.dms.client import Api
from pgcutover.movers.dms.load import refuse_failed
from pgcutover.movers.dms.poll import wait_for
from pgcutover.movers.dms.task_settings import enabled
from pgcutover.movers.dms.task_status import read_tables, read_task

_WINDOW = timedelta(minutes=15)
_METRICS = ("CDCLatencySource", "CDCLatencyTarget")


@dataclass(frozen=True, slots=True)
class Lag:
    """DMS's latencies in CloudWatch; None where it has told none in the last 15 minutes."""

    source_seconds: float | None
    target_seconds: float | None
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drained:
    """A marker written on the source was seen on the target.

    `unapplied` names tables of which DMS counted more changes captured than applied just then.
    """

    seconds: float
    unapplied: tuple[str, ...]


def drain(
    api: Api,
    name: str,
    write_marker: Callable[[], Callable[[], bool]],
    timeout_seconds: float,
    poll_seconds: float,
) -> Drained:
    """Write a marker on the source and wait until it has arrived on the target.

    DMS applies in commit order, so whatever was committed before the marker has arrived too; in
    batch apply, which orders within a table only, its counters must agree as well.
    """
    task = read_task(api, name)
    refuse_failed(task)
    if task.status != "running":
        raise MoverError(
            f"task {name!r} is {task.status}; expected running, or nothing will arrive: resume it"
        )
    ordered = not enabled(task.settings, "TargetMetadata", "BatchApplyEnabled")
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
        hint="the task is running but behind; look at its latency, nothing has been changed",
    )
    seconds = round(time.monotonic() - begun, 3)
    tables = read_tables(api, task.arn)
    return Drained(seconds, tuple(str(t.table) for t in tables if t.unapplied))


def lag(api: Api, name: str, instance: str) -> Lag:
    """The newest of CDCLatencySource and CDCLatencyTarget."""
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
            f"task {name!r} is {task.status} ({task.stop_reason or 'no reason given'}) while a "
            "marker was under way; resume it and drain again"
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
