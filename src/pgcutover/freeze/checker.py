"""The questions of the stage `freeze`, over connections that were opened before the freeze.

`warm` is called before the freeze, `begin` when writers wait; no catalog of the whole schema is
read in between but for its marks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time

import psycopg

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.freeze.mover_role import is_mover_fenced
from pgcutover.freeze.relations import LockedRelation, hold_tables, read_relations
from pgcutover.freeze.schema_mark import SchemaMark, changed_kinds, read_schema_mark
from pgcutover.freeze.uncovered import (
    SequencePositions,
    enabled_subscriptions,
    jobs_findings,
    moved_sequences,
)
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.schema.state.sequences import match_sequences, sequences_diff
from pgcutover.sides import LABELS, Sides
from pgcutover.verdict import Finding

_HOLD_SECONDS = 0.2
# the freeze's own session, by its process id and the locks that only it can hold
_LOCKED = """
select count(distinct l.relation) from pg_locks l
where l.pid = %s and l.granted and l.mode = 'ShareLock' and l.relation = any(%s::oid[])
  and l.database = (select oid from pg_database where datname = current_database())
"""


@dataclass(frozen=True, slots=True)
class FreezeState:
    """Facts of a freeze that has begun, as its driver sends them to the final gate.

    `begun_at` is in seconds since the epoch. `mover_role` is '' where no role is fenced, and
    `mover_hook` says that a hook has fenced the mover instead.
    """

    backend_pid: int
    begun_at: float
    budget_seconds: float
    reserve_seconds: float = 0.0
    mover_role: str = ""
    mover_hook: bool = False


@dataclass(slots=True)
class FreezeChecker:
    """Both sides while nothing moves; `tables` are in scope but for `without`.

    In a freeze of the target, the target is the first side, and `labels` name it so.
    """

    connect: Sides[Callable[[], Connection]] = field(repr=False)
    tables: Sequence[MappedTable]
    moved: Mapping[str, str] = field(default_factory=dict, repr=False)
    without: Sequence[RelationName] = ()
    state: FreezeState | None = None
    relations: tuple[LockedRelation, ...] = ()
    marks: Sides[SchemaMark] | None = None
    labels: Sides[str] = LABELS
    _sides: Sides[Connection] | None = None
    _sequences: SequencePositions | None = None
    _positions: Mapping[str, tuple[int, bool]] = field(default_factory=dict)

    def warm(self) -> None:
        """Open the sessions, make the queries, and take the schema's marks."""
        sides = self._sides = self.connect.map(lambda connect: connect())
        names = [t.source for t in self.tables]
        self.relations = read_relations(sides.source, names, self.without)
        self._sequences = SequencePositions.plan(sides.source)
        self._sequences.read(sides.source)
        self.marks = self.marks or sides.map(read_schema_mark)
        self.moved = {**match_sequences(sides.source, sides.target, self.tables), **self.moved}
        sequences_diff(sides.source, sides.target, self.moved, self.tables)
        for connection in sides:
            connection.rollback()

    def hold(self) -> None:
        """Lock the source's tables for reading, once vacuum and DDL are locked out."""
        hold_tables(self._warm.source, self.relations, _HOLD_SECONDS)

    def release(self) -> None:
        """Let go of these locks."""
        self._warm.source.rollback()

    def begin(self, state: FreezeState) -> None:
        """Keep the facts of the freeze, and the positions of the source's sequences."""
        self.state = state
        if self._sequences is not None:
            self._positions = self._sequences.read(self._warm.source)

    def close(self) -> None:
        """Close the sessions."""
        for connection in self._sides or ():
            connection.close()

    def sequences(self) -> Diff:
        """Check that the target's sequences are beyond both sides."""
        sides = self._warm
        diff = sequences_diff(sides.source, sides.target, self.moved, self.tables)
        return Diff("*", diff.differences, diff.facts)

    def schema(self) -> Diff:
        """Check that no definition has changed on either side since the marks were taken."""
        if self.marks is None:
            raise UnreadableError("the schema's marks were not taken before the freeze")
        now = self._warm.map(read_schema_mark)
        before = self.marks
        found = (
            *changed_kinds(self.labels.source, before.source, now.source),
            *changed_kinds(self.labels.target, before.target, now.target),
        )
        return Diff("*", found)

    def mover(self) -> Diff:
        """Check that the mover's role cannot write to the target any more."""
        role = self._begun.mover_role
        if self._begun.mover_hook:
            return Diff("*", tuple(enabled_subscriptions(self._warm.target, self.labels.target)))
        if not role:
            raise UnreadableError(
                "the mover's role is not known; name it in freeze.mover_role of migration.toml"
            )
        target = self._warm.target
        try:
            names = [t.target for t in self.tables]
            fenced = is_mover_fenced(target, role, read_relations(target, names))
        except psycopg.Error as error:
            raise UnreadableError(
                f"the mover's role cannot be inspected: {describe_error(error)}"
            ) from error
        message = (
            f"role {role} of the mover may still write to the {self.labels.target}: it may log "
            "in, or has a session or a prepared transaction; fence it"
        )
        return Diff("*", () if fenced else (finding(role, "mover not fenced", message),))

    def writers(self) -> Diff:
        """Check that writers waited all the time, and that nothing passed by the locks."""
        source, found = self._warm.source, list[Finding]()
        wanted = [r.oid for r in self.relations if r.kind != "f"]
        row = source.execute(_LOCKED, [self._begun.backend_pid, wanted]).fetchone()
        locked = row[0] if row else 0
        if locked != len(wanted):
            message = (
                f"{locked} of {len(wanted)} tables of the {self.labels.source} are locked by the "
                "freeze; expected all: it has ended, and clients may have written"
            )
            found.append(finding("*", "freeze ended", message))
        if self._sequences is not None:
            found += moved_sequences(self._positions, self._sequences.read(source))
        found += enabled_subscriptions(source, self.labels.source)
        return Diff("*", tuple(found), {"tables": locked})

    def jobs(self) -> Diff:
        """Check that each scheduled job is enabled on exactly one side."""
        return Diff("*", tuple(jobs_findings(self._warm)))

    def time_left(self) -> Diff:
        """Check that the rest of the budget is enough for the switch."""
        state = self._begun
        left = state.begun_at + state.budget_seconds - time()
        facts = {"seconds_left": round(left, 3)}
        if left >= state.reserve_seconds and left > 0:
            return Diff("*", (), facts)
        message = (
            f"{left:.1f} s of the freeze budget of {state.budget_seconds:g} s are left; expected "
            f"at least {state.reserve_seconds:g} s for the switch; roll the freeze back"
        )
        return Diff("*", (finding("*", "budget used up", message),), facts)

    @property
    def _warm(self) -> Sides[Connection]:
        if self._sides is None:
            raise UnreadableError("the final gate has no sessions; it was not warmed up")
        return self._sides

    @property
    def _begun(self) -> FreezeState:
        if self.state is None:
            raise UnreadableError("no freeze has begun; the stage freeze runs in a cutover only")
        return self.state
