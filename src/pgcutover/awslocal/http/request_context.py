"""The context of a DMS request, and the table of operations."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from random import uniform
from typing import Any, Protocol

from pgcutover.awslocal.http.store import Record, Store

DELAY_VARIABLE = "PGCUTOVER_AWSLOCAL_DELAY_SECONDS"
DEFAULT_DELAY_SECONDS = 0.5
TASK_VARIABLE = "PGCUTOVER_AWSLOCAL_TASK_SECONDS"


def delay_seconds() -> float:
    """Return the duration of transitional states such as creating."""
    return float(os.environ.get(DELAY_VARIABLE, DEFAULT_DELAY_SECONDS))


def task_seconds(default: float) -> float:
    """Return the duration of a task's start or stop; of a range such as 60-300, a random value."""
    shortest, _, longest = os.environ.get(TASK_VARIABLE, str(default)).partition("-")
    return uniform(float(shortest), float(longest or shortest))  # noqa: S311 - no secret


class Runners(Protocol):
    """The background work that operations start and stop."""

    def start(self, task: Record, mode: str) -> None:
        """Start a task in the background."""

    def stop(self, task: Record) -> None:
        """Request a running task to stop, in the background."""

    def delete(self, task: Record) -> None:
        """Drop the task's objects on the source and the task itself, in the background."""

    def reload(self, task: Record, tables: list[tuple[str, str]]) -> None:
        """Request a running task to reload tables."""

    def test(self, connection: Record, endpoint: Record) -> None:
        """Test an endpoint's connection in the background and record the result."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one operation."""

    region: str
    store: Store
    runners: Runners
    delay: float


Request = dict[str, Any]
Operation = Callable[[Context, Request], dict[str, Any]]
