"""One DMS request: who asks, what the operation may use, and the table of operations."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pgcutover.awslocal.http.store import Record, Store

DELAY_VARIABLE = "PGCUTOVER_AWSLOCAL_DELAY_SECONDS"
DEFAULT_DELAY_SECONDS = 0.5


def delay_seconds() -> float:
    """How long a resource stays in a passing state such as creating."""
    return float(os.environ.get(DELAY_VARIABLE, DEFAULT_DELAY_SECONDS))


class Runners(Protocol):
    """What the operations need of the machinery that moves rows."""

    def start(self, task: Record, mode: str) -> None:
        """Begin moving rows for a task, in the background."""

    def stop(self, task: Record) -> None:
        """Ask a running task to stop, in the background."""

    def delete(self, task: Record) -> None:
        """Drop what the task left on the source and forget it, in the background."""

    def reload(self, task: Record, tables: list[tuple[str, str]]) -> None:
        """Ask a running task to load tables again."""

    def test(self, connection: Record, endpoint: Record) -> None:
        """Connect to an endpoint in the background and record how that went."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation works with."""

    region: str
    store: Store
    runners: Runners
    delay: float


Request = dict[str, Any]
Operation = Callable[[Context, Request], dict[str, Any]]
