"""Questions of the schema stage that need a look into the databases, not only at definitions."""

from dataclasses import dataclass, field

from pgcutover.compare.diffs import Diff
from pgcutover.connect import open_session
from pgcutover.schema.positions import sequences_diff
from pgcutover.schema.stage import SchemaEvidence


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Each question opens sessions of its own, read-only and pinned."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    evidence: SchemaEvidence

    def sequences(self) -> Diff:
        """Whether every sequence can be drawn from."""
        with open_session(self.source_dsn) as source, open_session(self.target_dsn) as target:
            return sequences_diff(source, target, self.evidence.moved)
