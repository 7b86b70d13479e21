"""Checks of the schema stage that read the databases, not only definitions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import sleep

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.mapping import MappedTable
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.state.amcheck import amcheck_diff
from pgcutover.schema.state.materialized_views import Reading, read_views
from pgcutover.schema.state.partitions import partitions_diff
from pgcutover.schema.state.sequences import sequences_diff
from pgcutover.schema.state.statistics import statistics_warnings

SAMPLED_INDEXES = 50
_INDEXED = ("table", "materialized_view")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """One method for each check; each opens its own read-only sessions.

    `settle_seconds` is the time between two reads of data that a mover may still change; 0 if
    nothing can change, so that one read is enough.
    """

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    evidence: SchemaEvidence
    tables: Sequence[MappedTable] = ()
    ahead_days: int = 7
    statement_timeout_seconds: float = 60.0
    settle_seconds: float = 0.0

    def sequences(self) -> Diff:
        """Check that each sequence's next value is unused."""
        with open_session(self.source_dsn) as source, open_session(self.target_dsn) as target:
            return sequences_diff(source, target, self.evidence.moved, self.tables)

    def partitions(self) -> Diff:
        """Check that partitions accept every row of the coming days."""
        with open_session(self.target_dsn) as target:
            return partitions_diff(target, datetime.now(UTC), self.ahead_days)

    def materialized_views(self) -> Diff:
        """Check that each materialized view holds the current result of its query.

        If rows may still change, only views whose rows did not change between two reads are
        findings; others are warnings.
        """
        reading = self._read_views(None)
        if reading.stale and self.settle_seconds:
            earlier = reading
            sleep(self.settle_seconds)
            again = self._read_views(earlier.stale)
            again.unmodified_since(earlier)
            reading = replace(
                again, undecided=list(dict.fromkeys(earlier.undecided + again.undecided))
            )
        with open_session(self.target_dsn) as target:
            return reading.diff(list(statistics_warnings(target)))

    def _read_views(self, only: Collection[str] | None) -> Reading:
        with open_session(self.source_dsn) as source, open_session(self.target_dsn) as target:
            moved, timeout = self.evidence.moved, self.statement_timeout_seconds
            return read_views(source, target, moved, timeout, only)

    def corruption(self, extent: str) -> Diff:
        """Check btree indexes with amcheck.

        Checks all of them if `extent` is full, or if the version of a collation has changed since
        the indexes were built; otherwise a sample.
        """
        names = [o.name for o in self.evidence.target.objects if o.kind in _INDEXED]
        is_full = extent == "full"
        with open_session(self.target_dsn) as target:
            sample = None if is_full or self._has_stale_collation() else SAMPLED_INDEXES
            seed = datetime.now(UTC).toordinal()  # another sample each day
            return amcheck_diff(target, names, heapallindexed=is_full, sample=sample, seed=seed)

    def _has_stale_collation(self) -> bool:
        return any(
            o.facts.get("stale") is True
            for o in self.evidence.target.objects
            if o.kind in ("collation_version", "database_collation_version")
        )
