"""Measures the latency of change data capture."""

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Latency:
    """Latency in seconds, by the clocks of this machine and the source."""

    source: float = 0.0
    target: float = 0.0
    oldest_uncommitted: float | None = None
    asking_since: float | None = None
    waiting: int = 0

    def is_idle(self) -> bool:
        """Return whether every change read has been applied."""
        return self.oldest_uncommitted is None and self.asking_since is None and not self.waiting

    def gauges(self) -> dict[str, tuple[float, str]]:
        """Return the current CloudWatch metrics."""
        now = time.time()
        source, target = self.source, self.target
        if self.asking_since is not None:
            source = max(source, now - self.asking_since)
        if self.oldest_uncommitted is not None:
            target = max(0.0, now - self.oldest_uncommitted)
        return {
            "CDCLatencySource": (source, "Seconds"),
            "CDCLatencyTarget": (max(target, source), "Seconds"),
            "CDCIncomingChanges": (float(self.waiting), "Count"),
        }
