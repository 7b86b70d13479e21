"""The resolver: which step of a cutover comes next. Pure: no server, no file and no clock.

A cutover moves the applications' writes from one side, the *writer*, to the other, the *standby*.
A rollback after the opening is the same way with the sides exchanged, so one list of steps serves
both. `next_step` returns a step until the goal is reached; the driver performs it and adds its
`effect` to the state.

The invariants hold in every state that steps lead to, and `check` raises where one does not:

- Never both sides writable. A side that clients have ever been sent to accepts no write while the
  other side does, unless dual-write is declared.
- Never frozen for ever. While neither side accepts writes, every step has a budget, and the steps
  towards either side end with exactly one side writable.
- Never switched without PASS. Clients are sent to the standby only after the final gate passed on
  a writer that has been frozen ever since, and to the target only after the gate's own PASS.
- Every state has a way forward and a way back. Both are finite, whichever step was interrupted,
  and the standby is opened only where that was approved.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pgcutover.errors import PgCutoverError


class Side(enum.StrEnum):
    """A database of the migration."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


class Step(enum.StrEnum):
    """A step; the value is its name in the journal and in reports."""

    CHECK_GATE = "check gate"
    APPROVE = "approve opening"
    START_MAINTENANCE = "start maintenance"
    CREATE_SLOT = "create slot"
    PREPARE_SECRET = "prepare secret"  # noqa: S105 - a step's name
    FENCE_STANDBY = "fence standby"
    LOCK = "lock"
    DRAIN = "drain"
    FENCE_MOVER = "fence mover"
    PROVE = "final gate"
    RAISE_SEQUENCES = "raise sequences"
    ADVANCE_SLOT = "advance slot"
    FENCE_WRITER = "fence writer"
    SWITCH = "switch secret"
    DEPLOY = "deploy"
    SMOKE = "smoke"
    OPEN = "open"
    UNLOCK = "unlock"
    SWITCH_BACK = "switch secret back"
    UNDEPLOY = "deploy back"
    UNFENCE_WRITER = "unfence writer"
    UNFENCE_MOVER = "unfence mover"
    START_MOVER = "start mover"
    UNFENCE_STANDBY = "unfence standby"
    END_MAINTENANCE = "end maintenance"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a cutover; the defaults are those before the first step.

    `exposed` is true once clients may have been sent to both sides, which never ends. `locked`
    ends with the session of the driver, and with it all that was proven under the lock.
    """

    writer: Side = Side.SOURCE
    pointer: Side = Side.SOURCE
    exposed: bool = False
    dual_write: bool = False
    gate_passed: bool = False
    approved: bool = False
    maintenance: bool = False
    slot_created: bool = False
    secret_prepared: bool = False
    standby_fenced: bool = False
    locked: bool = False
    drained: bool = False
    mover_fenced: bool = False
    proven: bool = False
    sequences_raised: bool = False
    slot_advanced: bool = False
    writer_fenced: bool = False
    deployed: bool = False
    smoked: bool = False
    mover_running: bool = True

    @property
    def standby(self) -> Side:
        """The side that is not the writer."""
        return self.writer.other

    @property
    def frozen(self) -> bool:
        """Return whether the writer refuses or delays writes."""
        return self.locked or self.writer_fenced

    @property
    def serves(self) -> bool:
        """Return whether clients reach a side that accepts their writes."""
        return self.pointer is self.writer and not self.frozen and not self.maintenance


class InvariantError(PgCutoverError):
    """A state that no sequence of steps may reach."""


def check(state: State) -> State:
    """Return the state; InvariantError names the invariant that it violates."""
    for holds, sentence in _INVARIANTS:
        if not holds(state):
            raise InvariantError(f"the cutover may not continue: {sentence}; please report it")
    return state


_INVARIANTS: tuple[tuple[Callable[[State], bool], str], ...] = (
    (
        lambda s: s.frozen or s.standby_fenced or not s.exposed or s.dual_write,
        "both sides would accept writes",
    ),
    (
        lambda s: s.pointer is s.writer or (s.proven and s.writer_fenced and s.standby_fenced),
        "clients would be sent to a side that is not proven equal, or while a side accepts writes",
    ),
    (
        lambda s: s.pointer is s.writer or s.exposed,
        "clients would be sent to a side unnoticed",
    ),
    (lambda s: not s.proven or s.frozen, "a proof would outlive the freeze"),
    (
        lambda s: not (s.proven and s.writer is Side.SOURCE) or s.gate_passed,
        "the final gate would count without a PASS of the gate",
    ),
    (lambda s: not (s.locked and s.writer_fenced), "the writer would be locked behind its fence"),
)

EFFECTS: dict[Step, Callable[[State], State]] = {
    Step.CHECK_GATE: lambda s: replace(s, gate_passed=True),
    Step.APPROVE: lambda s: replace(s, approved=True),
    Step.START_MAINTENANCE: lambda s: replace(s, maintenance=True),
    Step.CREATE_SLOT: lambda s: replace(s, slot_created=True),
    Step.PREPARE_SECRET: lambda s: replace(s, secret_prepared=True),
    Step.FENCE_STANDBY: lambda s: replace(s, standby_fenced=True),
    Step.LOCK: lambda s: replace(s, locked=True),
    Step.DRAIN: lambda s: replace(s, drained=True),
    Step.FENCE_MOVER: lambda s: replace(s, mover_fenced=True),
    Step.PROVE: lambda s: replace(s, proven=True),
    Step.RAISE_SEQUENCES: lambda s: replace(s, sequences_raised=True),
    Step.ADVANCE_SLOT: lambda s: replace(s, slot_advanced=True),
    Step.FENCE_WRITER: lambda s: replace(s, writer_fenced=True, locked=False),
    Step.SWITCH: lambda s: replace(s, pointer=s.standby, exposed=True),
    Step.DEPLOY: lambda s: replace(s, deployed=True),
    Step.SMOKE: lambda s: replace(s, smoked=True),
    Step.OPEN: lambda s: _opened(s),
    Step.UNLOCK: lambda s: _thawed(s),
    # a switch that was interrupted may have sent clients over too
    Step.SWITCH_BACK: lambda s: replace(s, pointer=s.writer, exposed=True, smoked=False),
    Step.UNDEPLOY: lambda s: replace(s, deployed=False),
    Step.UNFENCE_WRITER: lambda s: _thawed(s),
    Step.UNFENCE_MOVER: lambda s: replace(s, mover_fenced=False),
    Step.START_MOVER: lambda s: replace(s, mover_running=True, slot_created=False),
    Step.UNFENCE_STANDBY: lambda s: replace(s, standby_fenced=False),
    Step.END_MAINTENANCE: lambda s: replace(s, maintenance=False),
}
"""The state after each step."""


def next_step(state: State, goal: Side) -> Step | None:
    """Return the step that leads towards writes on the side `goal`; None where they are there."""
    steps = _towards_standby(state) if goal is state.standby else _towards_rest(state)
    return next(steps, None)


def remaining_steps(state: State, goal: Side) -> Iterator[Step]:
    """Yield every step up to the goal, provided that none fails."""
    while (step := next_step(state, goal)) is not None:
        yield step
        state = check(EFFECTS[step](state))


def after_restart(state: State) -> State:
    """Return the state after the driver's end.

    The lock is gone. What was prepared outside of a freeze may be stale, so it is prepared again;
    PASS and approval expire. What was proven before the fence is still true behind it.
    """
    if state.writer_fenced:
        return replace(state, approved=False)
    lost = _thawed(state) if state.locked else state
    return replace(
        lost, gate_passed=False, approved=False, slot_created=False, secret_prepared=False
    )


def _towards_standby(s: State) -> Iterator[Step]:
    """Yield the steps that are not done yet, in their order; the first one is next."""
    must_restart_mover = s.mover_fenced and not s.frozen
    for is_due, step in (
        (s.writer is Side.SOURCE and not s.gate_passed, Step.CHECK_GATE),
        (not s.approved, Step.APPROVE),
        (must_restart_mover, Step.UNFENCE_MOVER),
        (not s.mover_running, Step.START_MOVER),
        (not s.maintenance, Step.START_MAINTENANCE),
        (not s.slot_created, Step.CREATE_SLOT),
        (not s.secret_prepared, Step.PREPARE_SECRET),
        (not s.standby_fenced, Step.FENCE_STANDBY),
        (not s.frozen, Step.LOCK),
        (not s.drained, Step.DRAIN),
        (not s.mover_fenced, Step.FENCE_MOVER),
        (not s.sequences_raised, Step.RAISE_SEQUENCES),
        (not s.proven, Step.PROVE),
        (not s.slot_advanced, Step.ADVANCE_SLOT),
        (not s.writer_fenced, Step.FENCE_WRITER),
        (s.pointer is s.writer, Step.SWITCH),
        (not s.deployed, Step.DEPLOY),
        (not s.smoked, Step.SMOKE),
        (True, Step.OPEN),
    ):
        if is_due:
            yield step


def _towards_rest(s: State) -> Iterator[Step]:
    """Yield the steps that restore service on the writer, the most urgent first."""
    for is_due, step in (
        (s.pointer is not s.writer, Step.SWITCH_BACK),
        (s.deployed, Step.UNDEPLOY),
        (s.locked, Step.UNLOCK),
        (s.writer_fenced, Step.UNFENCE_WRITER),
        (s.maintenance, Step.END_MAINTENANCE),
        (s.mover_fenced, Step.UNFENCE_MOVER),
        (not s.mover_running, Step.START_MOVER),
        (s.standby_fenced and not s.exposed, Step.UNFENCE_STANDBY),
    ):
        if is_due:
            yield step


def _thawed(s: State) -> State:
    """Return the state without the freeze and without what was true only under it."""
    return replace(
        s,
        locked=False,
        writer_fenced=False,
        drained=False,
        proven=False,
        sequences_raised=False,
        slot_advanced=False,
        smoked=False,
    )


def _opened(s: State) -> State:
    """Exchange the sides: the standby is the writer, and the old writer stays fenced."""
    return replace(
        _thawed(s),
        writer=s.standby,
        standby_fenced=True,
        mover_fenced=False,
        mover_running=False,
        deployed=False,
        approved=False,
        gate_passed=False,
        secret_prepared=False,
    )
