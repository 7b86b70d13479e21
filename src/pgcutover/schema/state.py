"""Questions of the schema stage that need a look into the databases, not only at definitions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from psycopg import sql

from pgcutover.compare.diffs import Diff
from pgcutover.connect import open_session
from pgcutover.mapping import MappedTable
from pgcutover.schema.amcheck import amcheck_diff
from pgcutover.schema.coverage import partitions_diff
from pgcutover.schema.population import population_diff
from pgcutover.schema.positions import sequences_diff
from pgcutover.schema.stage import SchemaEvidence

SAMPLED_INDEXES = 50


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
            return sequences_diff(source, target, self.evidence.moved)

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
            diff = population_diff(source, target, self.evidence.moved, timeout)
        stale = [f for f in diff.differences if f.kind == "materialized view stale"]
        if not (self.is_live and stale):
            return diff
        kept = tuple(f for f in diff.differences if f not in stale)
        told = [*diff.facts.get("warnings", ()), *(f.message for f in stale)]
        return replace(diff, differences=kept, facts={**diff.facts, "warnings": told})

    def corruption(self, extent: str) -> Diff:
        """Whether btree indexes say what their tables hold; of all of them where `full`."""
        names = [sql.Identifier(t.target.schema, t.target.name).as_string() for t in self.tables]
        is_full = extent == "full"
        with open_session(self.target_dsn) as target:
            sample = None if is_full else SAMPLED_INDEXES
            return amcheck_diff(target, names, heapallindexed=is_full, sample=sample)
