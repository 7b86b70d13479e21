"""Questions of the schema stage that need a look into the databases, not only at definitions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.mapping import MappedTable
from pgcutover.schema.stage import SchemaEvidence
from pgcutover.schema.state.amcheck import amcheck_diff
from pgcutover.schema.state.materialized_views import population_diff
from pgcutover.schema.state.partitions import partitions_diff
from pgcutover.schema.state.sequences import sequences_diff

SAMPLED_INDEXES = 50
_INDEXED = ("table", "materialized_view")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Each question opens sessions of its own, read-only and pinned."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    evidence: SchemaEvidence
    tables: Sequence[MappedTable] = ()
    ahead_days: int = 7
    statement_timeout_seconds: float = 60.0
    is_live: bool = False

    def sequences(self) -> Diff:
        """Whether every sequence can be drawn from."""
        with open_session(self.source_dsn) as source, open_session(self.target_dsn) as target:
            return sequences_diff(source, target, self.evidence.moved, self.tables)

    def partitions(self) -> Diff:
        """Whether partitions take every row of the days to come."""
        with open_session(self.target_dsn) as target:
            return partitions_diff(target, datetime.now(UTC), self.ahead_days)

    def population(self) -> Diff:
        """Whether materialized views hold what their queries give now.

        While changes arrive every view is soon stale, so that is only told.
        """
        with open_session(self.source_dsn) as source, open_session(self.target_dsn) as target:
            timeout = self.statement_timeout_seconds
            return population_diff(
                source, target, self.evidence.moved, timeout, during_load=self.is_live
            )

    def corruption(self, extent: str) -> Diff:
        """Whether btree indexes say what their tables hold.

        All of them are looked at where `full`, and where they were sorted by another version of
        a collation than the server's.
        """
        names = [o.name for o in self.evidence.target.objects if o.kind in _INDEXED]
        is_full = extent == "full"
        with open_session(self.target_dsn) as target:
            sample = None if is_full or self._has_stale_collation() else SAMPLED_INDEXES
            seed = datetime.now(UTC).toordinal()  # others tomorrow
            return amcheck_diff(target, names, heapallindexed=is_full, sample=sample, seed=seed)

    def _has_stale_collation(self) -> bool:
        return any(
            o.facts.get("stale") is True
            for o in self.evidence.target.objects
            if o.kind in ("collation_version", "database_collation_version")
        )
