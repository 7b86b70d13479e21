"""Publishes a task's log to CloudWatch Logs and its latencies to CloudWatch."""

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pgcutover.awslocal.http.moto_clients import AwsClients

METRIC_VARIABLE = "PGCUTOVER_AWSLOCAL_METRIC_SECONDS"
DEFAULT_METRIC_SECONDS = 1.0
_FLUSH_SECONDS = 0.2
_LARGEST_BATCH = 500

Gauges = Callable[[], Mapping[str, tuple[float, str]]]


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The destination of a task's log and metrics; `task` is the external resource id."""

    region: str
    instance: str
    task: str
    enabled: bool
    file: Path

    @property
    def stream(self) -> dict[str, str]:
        """Return the log group and stream names as DMS forms them."""
        return {
            "logGroupName": f"dms-tasks-{self.instance}",
            "logStreamName": f"dms-task-{self.task}",
        }


class TaskLog:
    """Publishes lines of all threads in order."""

    def __init__(self, cloud: AwsClients, place: "LogPlace", gauges: Gauges) -> None:
        """`gauges` returns name → (value, unit) for each metric."""
        self._cloud = cloud
        self._place = place
        self._gauges = gauges
        self._lines: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def info(self, component: str, text: str) -> None:
        """Log an expected event."""
        self._line(component, "I", text)

    def warning(self, component: str, text: str) -> None:
        """Log that DMS continues although rows or values differ."""
        self._line(component, "W", text)

    def failure(self, component: str, text: str) -> None:
        """Log an error."""
        self._line(component, "E", text)

    def close(self) -> None:
        """Publish the remaining lines."""
        self._done.set()
        self._thread.join(timeout=5)

    def _line(self, component: str, severity: str, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        flat = " ".join(text.split())
        thread = f"{threading.get_ident() % 10**8:08d}"
        line = f"{thread}: {stamp} [{component:<16}]{severity}:  {flat}"
        self._lines.put((int(now * 1000), line))

    def _publish(self) -> None:
        every = float(os.environ.get(METRIC_VARIABLE, DEFAULT_METRIC_SECONDS))
        next_metrics = 0.0
        self._create_stream()
        while not self._done.wait(_FLUSH_SECONDS):
            self._put_lines()
            if time.monotonic() >= next_metrics:
                self._put_metrics()
                next_metrics = time.monotonic() + every
        self._put_metrics()
        self._put_lines()

    def _create_stream(self) -> None:
        if not self._place.enabled:
            return
        logs = self._cloud.client("logs", self._place.region)
        stream = self._place.stream
        for call, what in (
            (logs.create_log_group, {"logGroupName": stream["logGroupName"]}),
            (logs.create_log_stream, stream),
        ):
            with suppress(ClientError, BotoCoreError):  # created by an earlier run of the task
                call(**what)

    def _put_lines(self) -> None:
        events: list[dict[str, Any]] = []
        while len(events) < _LARGEST_BATCH and not self._lines.empty():
            moment, line = self._lines.get()
            events.append({"timestamp": moment, "message": line})
        if not events:
            return
        with self._place.file.open("a", encoding="utf-8") as file:
            file.writelines(f"{event['message']}\n" for event in events)
        if self._place.enabled:
            with suppress(ClientError, BotoCoreError):  # a logging error must not stop a migration
                self._cloud.client("logs", self._place.region).put_log_events(
                    logEvents=events, **self._place.stream
                )

    def _put_metrics(self) -> None:
        dimensions = [
            {"Name": "ReplicationInstanceIdentifier", "Value": self._place.instance},
            {"Name": "ReplicationTaskIdentifier", "Value": self._place.task},
        ]
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit}
            for name, (value, unit) in self._gauges().items()
        ]
        if data:
            with suppress(ClientError, BotoCoreError):
                self._cloud.client("cloudwatch", self._place.region).put_metric_data(
                    Namespace="AWS/DMS", MetricData=data
                )
