"""Checks that source and target are two databases that can be read over verified TLS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgcutover.catalog import Manifest
from pgcutover.catalog.readable import refuse_absent, refuse_unreadable
from pgcutover.config.differences import DeclaredDifference
from pgcutover.config.policy import Policy
from pgcutover.connect import open_side
from pgcutover.diff import Diff, finding
from pgcutover.mapping import MappedTable
from pgcutover.readiness.encryption import accepts_unencrypted, rules_without_encryption
from pgcutover.readiness.takeover import (
    direction_warnings,
    read_only_problems,
    subscription_problems,
    swapped_problems,
)
from pgcutover.readiness.tls import tls_problems
from pgcutover.readiness.triggers_off import triggers_diff
from pgcutover.readiness.writers import (
    MoverRole,
    has_subscription,
    prepared_problems,
    read_sessions,
    session_warnings,
    source_problems,
    target_problems,
)
from pgcutover.verdict import POLICY_NOT_MET, Finding


@dataclass(frozen=True, slots=True)
class ReadinessChecker:
    """Both databases before the comparison; `excluded` are columns of tables by target name."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)
    manifest: Manifest
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    declared: Sequence[DeclaredDifference] = ()
    mover: MoverRole = field(default_factory=MoverRole)

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
        return self._unless_accepted(problems, self.policy.unverified_tls)

    def encrypted(self) -> Diff:
        """Check that the target refuses connections without encryption."""
        with open_side("target", self.target_dsn) as target:
            rules = rules_without_encryption(target)
        if not rules and not accepts_unencrypted(self.target_dsn):
            return Diff("*")
        where = f", by its pg_hba.conf: {'; '.join(rules)}" if rules else ""
        message = (
            f"the target accepts connections without encryption{where}; expected a refusal; use "
            "hostssl rules, or rds.force_ssl = 1 on RDS"
        )
        problems = [finding("*", POLICY_NOT_MET, message)]
        return self._unless_accepted(problems, self.policy.unencrypted_connections)

    def writable(self) -> Diff:
        """Check that new sessions of the target can write."""
        with open_side("target", self.target_dsn) as target:
            return Diff("*", tuple(read_only_problems(self.manifest.target, target)))

    def subscriptions(self) -> Diff:
        """Check that no subscription but a declared one writes to the target."""
        declared = {d.object for d in self.declared if d.kind == "subscription"}
        with open_side("target", self.target_dsn) as target:
            return Diff("*", tuple(subscription_problems(target, declared)))

    def writers(self) -> Diff:
        """Check that only the mover writes to the target, and nobody to a source without one."""
        tables, warnings = self.manifest.tables, list[str]()
        with open_side("target", self.target_dsn) as target:
            on_target = read_sessions(target, [t.target for t in tables])
            exists = self.mover.exists or has_subscription(target)
            mover = replace(self.mover, exists=exists)
            problems = [*target_problems(on_target, mover), *prepared_problems(target)]
            known = {mover.name, target.info.user}
        warnings += session_warnings("target", on_target, known)
        if not exists:
            with open_side("source", self.source_dsn) as source:
                on_source = read_sessions(source, [t.source for t in tables])
                problems += source_problems(on_source)
                warnings += session_warnings("source", on_source, {source.info.user})
        return Diff("*", tuple(problems), {"warnings": warnings} if warnings else {})

    def direction(self) -> Diff:
        """Check that source and target are not swapped; warn where that is only likely."""
        warnings = direction_warnings(self.manifest)
        with (
            open_side("source", self.source_dsn) as source,
            open_side("target", self.target_dsn) as target,
        ):
            problems = tuple(swapped_problems(source, target))
        return Diff("*", problems, {"warnings": warnings} if warnings else {})

    def _unless_accepted(self, problems: Sequence[Finding], reason: str) -> Diff:
        """Return the problems, or warnings where migration.toml accepts them for a reason."""
        if not problems or not reason:
            return Diff("*", tuple(problems))
        return Diff("*", (), {"warnings": [f"{p.message} (accepted: {reason})" for p in problems]})

    def triggers(self) -> Diff:
        """Check that no setting of the target disables triggers and foreign keys."""
        return triggers_diff(self.manifest)

    def readable(self, table: MappedTable) -> Diff:
        """Check that the gate's roles may read the whole table; UnreadableError where not."""
        refuse_absent(self.manifest, table)
        refuse_unreadable(self.manifest, table, self.excluded.get(str(table), ()))
        return Diff(str(table), (), {"columns": len(table.columns)})
