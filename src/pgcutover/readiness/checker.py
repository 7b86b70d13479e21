"""Checks that source and target are two databases that can be read over verified TLS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgcutover.catalog import Manifest
from pgcutover.connect import open_side
from pgcutover.diff import Diff, finding
from pgcutover.mapping import MappedTable
from pgcutover.readiness.readable import refuse_unreadable
from pgcutover.readiness.tls import tls_problems
from pgcutover.readiness.triggers_off import triggers_diff
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class ReadinessChecker:
    """Both databases before the comparison; `excluded` are columns of tables by target name."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    manifest: Manifest
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def distinct(self) -> Diff:
        """Check that the DSNs do not lead to one database."""
        source, target = self.manifest.source, self.manifest.target
        facts = {"source": source.database, "target": target.database}
        if not source.is_same_database(target):
            return Diff("*", (), facts)
        message = (
            "source and target are the same database of the same server, or a standby of it; "
            "correct a DSN"
        )
        return Diff("*", (finding("*", "same database", message),), facts)

    def tls(self) -> Diff:
        """Check that sessions use TLS and verify the server's certificate and host name."""
        problems: list[Finding] = []
        for side, dsn in (("source", self.source_dsn), ("target", self.target_dsn)):
            with open_side(side, dsn) as connection:
                problems += tls_problems(side, connection)
        return Diff("*", tuple(problems))

    def triggers(self) -> Diff:
        """Check that no setting of the target disables triggers and foreign keys."""
        return triggers_diff(self.manifest)

    def readable(self, table: MappedTable) -> Diff:
        """Check that the gate's roles may read the whole table; UnreadableError where not."""
        refuse_unreadable(self.manifest, table, self.excluded.get(str(table), ()))
        return Diff(str(table), (), {"columns": len(table.columns)})
