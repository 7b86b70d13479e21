"""The checks of the stage `after`, on the side that a cutover has opened and on the old one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from pgcutover.after.cloudwatch import CloudWatch
from pgcutover.after.inserts import try_inserts
from pgcutover.after.ledger import ledger_diff
from pgcutover.after.queries import slow_query_findings
from pgcutover.after.sessions import fence_findings, job_findings, straggler_findings
from pgcutover.config import After, Settings
from pgcutover.connect import Connection
from pgcutover.cutover.resolver import Side, State
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import describe_error, unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.freeze.uncovered import read_jobs
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.schema.state.sequences import match_sequences, sequences_diff
from pgcutover.schema.state.statistics import find_unanalyzed
from pgcutover.smoke.checker import logs_diff
from pgcutover.smoke.client import ClientPlace, limited


@dataclass(frozen=True, slots=True)
class AfterChecker:
    """Both sides after an opening; `state` is that of the journal.

    `roles` are those of clients. `cloudwatch` is None where migration.toml names nothing of AWS.
    """

    settings: Settings
    state: State
    open_side: Mapping[Side, Callable[[], Connection]] = field(repr=False)
    tables: Sequence[MappedTable]
    places: Sequence[ClientPlace] = ()
    roles: Callable[[], Sequence[str]] = tuple
    look_for_errors: Callable[[Side], None] | None = None
    cloudwatch: CloudWatch | None = None

    def fence(self) -> Diff:
        """Check that the old side refuses writes."""
        if self.state.dual_write:
            return Diff("*", (), {"dual_write": True})
        side, marker = self._new.other, self.settings.schema.marker_table
        fenced = [t for t in self.tables if str(t.source) != marker]  # the mover writes the marker
        names = [t.source if side is Side.SOURCE else t.target for t in fenced]
        with self._session(side) as old:
            return Diff("*", tuple(fence_findings(old, names, side)))

    def stragglers(self) -> Diff:
        """Check that no client is connected to the old side any more."""
        side, roles = self._new.other, self.roles()
        if not roles:
            raise UnreadableError(
                "the roles of clients are not known, or are those that pgcutover reads with; name "
                "them in freeze.application_roles"
            )
        with self._session(side) as old:
            return Diff("*", tuple(straggler_findings(old, roles, side)))

    def jobs(self) -> Diff:
        """Check that scheduled jobs are enabled on the new side alone."""
        with self._session(self._new) as new, self._session(self._new.other) as old:
            return Diff("*", tuple(job_findings(read_jobs(old), read_jobs(new), old.side)))

    def sequences(self) -> Diff:
        """Check that every sequence of the new side is beyond both sides."""
        tables = self.tables
        if self._new is Side.SOURCE:
            tables = [table.invert() for table in tables]
        with self._session(self._new) as new, self._session(self._new.other) as old:
            moved = match_sequences(old, new, tables)
            diff = sequences_diff(old, new, moved, tables)
        return Diff("*", diff.differences, diff.facts)

    def statistics(self) -> Diff:
        """Check that tables that hold rows have planner statistics."""
        side = self._new
        with self._session(side) as new:
            found = [
                finding(name, "no statistics", f"{name} of the {side} holds rows and has no "
                        f"statistics; run: analyze {name}")
                for name in find_unanalyzed(new)
            ]  # fmt: skip
        return Diff("*", tuple(found))

    def queries(self) -> Diff:
        """Check that no query has become much slower."""
        factor = self._after.slow_query_factor
        with self._session(self._new) as new, self._session(self._new.other) as old:
            found, compared = slow_query_findings(old, new, factor, self._new)
        return Diff("*", tuple(found), {"compared": compared})

    def ledger(self) -> Diff:
        """Check by the change ledger that the old side follows the new one."""
        _ = self._new
        return ledger_diff(self.settings, self._after.max_open_seconds)

    def inserts(self) -> Diff:
        """Check that clients can insert through every sequence and identity."""
        side = self._new
        if not self.places:
            raise UnreadableError("neither cutover.secret nor cutover.env_file is set")
        try:
            with self.places[0].open(read_only=False) as client, limited(client):
                found, facts = try_inserts(client, self._names(side), side)
        except psycopg.Error as error:
            raise UnreadableError(f"clients cannot log in: {describe_error(error)}") from error
        return Diff("*", tuple(found), facts)

    def logs(self) -> Diff:
        """Check by the team's hook that the logs of the application hold no errors."""
        return logs_diff(self.look_for_errors, self._new)

    def cloudwatch_log(self) -> Diff:
        """Check that the filter finds no error in the log group of the application."""
        _ = self._new
        return Diff("*", tuple(self._aws.log_findings()))

    def metrics(self) -> Diff:
        """Check that the metrics of RDS are within their limits."""
        with self._session(self._new) as new:
            ((most,),) = new.execute("select current_setting('max_connections')::int").fetchall()
        return Diff("*", tuple(self._aws.metric_findings(most)))

    @contextmanager
    def _session(self, side: Side) -> Iterator[Connection]:
        with self.open_side[side]() as connection, unreadable_on_error(side, "state"):
            yield connection

    def _names(self, side: str) -> list[RelationName]:
        return [t.source if side == Side.SOURCE else t.target for t in self.tables]

    @property
    def _after(self) -> After:
        return self.settings.after

    @property
    def _aws(self) -> CloudWatch:
        if self.cloudwatch is None:
            raise UnreadableError("neither after.log_group nor after.rds_instance is set")
        return self.cloudwatch

    @property
    def _new(self) -> Side:
        """The side that is open; UnreadableError while no cutover has opened one."""
        if not self.state.exposed or self.state.frozen:
            raise UnreadableError(
                "the journal records no side that a cutover has opened, or a freeze that has not "
                'ended; see "pgcutover status"'
            )
        return self.state.writer
