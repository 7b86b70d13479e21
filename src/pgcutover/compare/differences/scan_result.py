"""The result of a table's scan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgcutover.compare.differences.counts import DifferenceCounts, SuspectKey
from pgcutover.compare.plan.model import TableComparison
from pgcutover.compare.snapshots import ReadIn


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Rows and differences of both sides; `moving` keys changed at every recheck.

    `rechecked` are the keys that differed in the scan, where all of them were rechecked.
    """

    comparison: TableComparison
    rows_source: int
    counts: DifferenceCounts
    in_flight: int = 0
    moving: tuple[SuspectKey, ...] = ()
    read_by: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)
    rechecked: tuple[SuspectKey, ...] = ()
    read_in: ReadIn | None = None

    @property
    def is_equal(self) -> bool:
        """Return whether every row has been read, and found equal, in this run."""
        return not (self.counts.total or self.moving or "resumed" in self.notes)

    @property
    def rows_target(self) -> int:
        """Return the number of the target's rows, including those that arrived during rechecks."""
        return self.rows_source + self.counts.surplus

    @property
    def facts(self) -> dict[str, object]:
        """Return the facts that are reported even if nothing differs."""
        comparison = self.comparison
        facts: dict[str, object] = {
            "rows_source": self.rows_source,
            "rows_target": self.rows_target,
            "method": comparison.method,
            "methods": comparison.methods,
            "read_by": self.read_by,
            **self.notes,
        }
        if self.read_in is not None:
            facts["read_in"] = self.read_in.facts
        if comparison.not_proven:
            facts["not_proven"] = list(comparison.not_proven)
        if tolerances := [t.target for t in comparison.tolerances]:
            facts["not_proven_exactly"] = {t.column: str(t) for t in tolerances}
        return facts | ({"in_flight": self.in_flight} if self.in_flight else {})
