"""Checks that source and target are two databases that can be read over verified TLS."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pgcutover.catalog import Manifest
from pgcutover.catalog.readable import refuse_absent, refuse_unreadable
from pgcutover.config.differences import DeclaredDifference
from pgcutover.config.policy import Policy
from pgcutover.connect import Connection, open_side
from pgcutover.connect.side_sessions import SideSessions
from pgcutover.diff import Diff, finding
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.readiness.decoding import Capture, judge_decoding
from pgcutover.readiness.dms_limits import judge_dms_limits
from pgcutover.readiness.encryption import accepts_unencrypted, rules_without_encryption
from pgcutover.readiness.mover_role import judge_mover_role
from pgcutover.readiness.offered import judge_offered
from pgcutover.readiness.servers.clocks import judge_clocks, sample_clock
from pgcutover.readiness.servers.direct import judge_pooler, judge_replication
from pgcutover.readiness.servers.parameters import judge_parameters
from pgcutover.readiness.sessions import judge_room, judge_timeouts
from pgcutover.readiness.situation import Situation
from pgcutover.readiness.source.key_space import judge_key_space
from pgcutover.readiness.source.old_transactions import judge_transactions
from pgcutover.readiness.source.replicated_changes import judge_changes
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
from pgcutover.sides import LABELS, Sides
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
    capture: Sides[Capture] = field(default_factory=lambda: Sides(Capture(), Capture()))
    sessions: SideSessions | None = field(default=None, repr=False)

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
        for side in LABELS:
            with self._use(side) as connection:
                problems += tls_problems(side, connection)
        return self._unless_accepted(problems, self.policy.unverified_tls)

    def encrypted(self) -> Diff:
        """Check that the target refuses connections without encryption."""
        with self._use("target") as target:
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
        with self._use("target") as target:
            return Diff("*", tuple(read_only_problems(self.manifest.target, target)))

    def subscriptions(self) -> Diff:
        """Check that no subscription but a declared one writes to the target."""
        declared = {d.object for d in self.declared if d.kind == "subscription"}
        with self._use("target") as target:
            return Diff("*", tuple(subscription_problems(target, declared)))

    def writers(self) -> Diff:
        """Check that only the mover writes to the target, and nobody to a source without one."""
        tables, warnings = self.manifest.tables, list[str]()
        with self._use("target") as target:
            on_target = read_sessions(target, [t.target for t in tables])
            exists = self.mover.exists or has_subscription(target)
            mover = replace(self.mover, exists=exists)
            problems = [*target_problems(on_target, mover), *prepared_problems(target)]
            known = {mover.name, target.info.user}
        warnings += session_warnings("target", on_target, known)
        if not exists:
            with self._use("source") as source:
                on_source = read_sessions(source, [t.source for t in tables])
                problems += source_problems(on_source)
                warnings += session_warnings("source", on_source, {source.info.user})
        return Diff("*", tuple(problems), {"warnings": warnings} if warnings else {})

    def direction(self) -> Diff:
        """Check that source and target are not swapped; warn where that is only likely."""
        warnings = direction_warnings(self.manifest)
        with (
            self._use("source") as source,
            self._use("target") as target,
        ):
            problems = tuple(swapped_problems(source, target))
        return Diff("*", problems, {"warnings": warnings} if warnings else {})

    def decoding(self) -> Diff:
        """Check that changes can be read, on the target too if anything is to read them there."""
        found = Situation()
        with self._use("source") as source:
            judge_decoding(found, "source", source, self.capture.source)
        if self.capture.target.is_on:
            with self._use("target") as target:
                judge_decoding(found, "target", target, self.capture.target)
        return found.diff()

    def changes(self) -> Diff:
        """Check that a mover can carry every change of a mapped table."""
        with self._use("source") as source:
            return judge_changes(source, self._source_names(), self.capture.source.is_on).diff()

    def key_space(self) -> Diff:
        """Check that no key and no sequence of the source is near its end."""
        with self._use("source") as source:
            found = judge_key_space(source, self._source_names())
        accepted = self._unless_accepted(found.problems, self.policy.numbers_near_end)
        warnings = [*accepted.facts.get("warnings", ()), *found.warnings]
        return Diff("*", accepted.differences, {"warnings": warnings} if warnings else {})

    def transactions(self) -> Diff:
        """Check that no old transaction, and no old row, of the source stops the migration."""
        with self._use("source") as source:
            return judge_transactions(source).diff()

    def room(self) -> Diff:
        """Tell of a side with few free connections, or settings that end a mover's sessions."""
        found = Situation()
        for side in LABELS:
            with self._use(side) as connection:
                judge_room(found, side, connection)
                if self.mover.exists:
                    judge_timeouts(found, side, connection, self._role_on(side))
        return found.diff()

    def mover_role(self) -> Diff:
        """Check that the mover's role exists on the target and may load it."""
        with self._use("target") as target:
            names = [table.target for table in self.manifest.tables]
            return judge_mover_role(target, self.mover.name, names).diff()

    def _role_on(self, side: str) -> str:
        return self.mover.name if side == "target" else ""

    def offered(self) -> Diff:
        """Check that the target offers what the source uses."""
        with (
            self._use("source") as source,
            self._use("target") as target,
        ):
            return judge_offered(source, target).diff()

    def dms_tables(self) -> Diff:
        """Check that AWS DMS can carry every mapped table."""
        with self._use("source") as source:
            return judge_dms_limits(source, self.manifest.tables, self.excluded).diff()

    def clocks(self) -> Diff:
        """Check that the clocks of both servers agree."""
        with self._use_both() as sides:
            return judge_clocks(sides.map(sample_clock)).diff()

    def direct(self) -> Diff:
        """Check that no pooler is in front of a side, and that changes can be streamed from it."""
        found = Situation()
        with self._use_both() as sides:
            for side, connection, capture in zip(LABELS, sides, self.capture, strict=True):
                judge_pooler(found, side, connection)
                if capture.is_on:
                    dsn = capture.dsn or self._dsn(side)
                    judge_replication(found, side, connection, dsn, is_needed=bool(capture.dsn))
        return found.diff()

    def parameters(self) -> Diff:
        """Check that no parameter of a server endangers the migration."""
        found = Situation()
        with self._use_both() as sides:
            for side, connection, capture in zip(LABELS, sides, self.capture, strict=True):
                judge_parameters(
                    found,
                    side,
                    connection,
                    has_readers=capture.is_on,
                    has_mover=self.mover.exists,
                )
        return found.diff()

    @contextmanager
    def _use(self, side: str) -> Iterator[Connection]:
        """A session on a side, shared with other checks where there are shared ones."""
        if self.sessions is not None:
            with self.sessions.use(side) as connection:
                yield connection
        else:
            with open_side(side, self._dsn(side)) as connection:
                yield connection

    @contextmanager
    def _use_both(self) -> Iterator[Sides[Connection]]:
        with self._use("source") as source, self._use("target") as target:
            yield Sides(source, target)

    def _dsn(self, side: str) -> str:
        return self.source_dsn if side == "source" else self.target_dsn

    def _source_names(self) -> list[RelationName]:
        return [table.source for table in self.manifest.tables]

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
