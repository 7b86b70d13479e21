"""The freeze of the writer, and the fences of both sides."""

from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec
from pgcutover.cutover.world import World


def _fence_standby(world: World, state: State) -> Facts:
    world.freezes[state.standby].fence()
    return {}


def _standby_is_fenced(world: World, state: State) -> bool:
    return world.freezes[state.standby].is_fenced()


def _unfence_standby(world: World, state: State) -> Facts:
    world.freezes[state.standby].unfence()
    return {}


def _standby_is_open(world: World, state: State) -> bool:
    return world.freezes[state.standby].is_open()


def _refuse_to_lock(world: World, state: State) -> None:
    if world.smoke is not None:
        world.smoke.prepare()
    proof_seconds = world.gate.prepare(state.writer)
    world.sequences.prepare(state.standby)
    lag_seconds = world.mover.lag_seconds(state.writer)
    if problems := world.freezes[state.writer].problems(lag_seconds, proof_seconds):
        raise RefusedError(f"no freeze begins: {'; '.join(problems)}")
    world.freezes[state.writer].prepare(world.gate)


def _lock(world: World, state: State) -> Facts:
    facts = world.freezes[state.writer].lock()
    world.budget.start(float(str(facts.get("frozen_seconds", 0.0))))
    return facts


def _is_locked(world: World, state: State) -> bool:
    return world.freezes[state.writer].is_locked()


def _unlock(world: World, state: State) -> Facts:
    world.freezes[state.writer].unlock()
    world.budget.stop()
    return {}


def _is_not_locked(world: World, state: State) -> bool:
    return not world.freezes[state.writer].is_locked()


def _fence_writer(world: World, state: State) -> Facts:
    world.budget.left()  # the last moment at which giving up costs clients nothing but time
    return world.freezes[state.writer].fence_and_commit()


def _writer_is_fenced(world: World, state: State) -> bool:
    return world.freezes[state.writer].is_fenced()


def _unfence_writer(world: World, state: State) -> Facts:
    world.freezes[state.writer].unfence()
    world.budget.stop()
    return {}


def _writer_is_open(world: World, state: State) -> bool:
    return world.freezes[state.writer].is_open()


STEPS = (
    StepSpec(Step.FENCE_STANDBY, _fence_standby, _standby_is_fenced, Step.UNFENCE_STANDBY),
    StepSpec(Step.UNFENCE_STANDBY, _unfence_standby, _standby_is_open, restores=True),
    StepSpec(Step.LOCK, _lock, _is_locked, Step.UNLOCK, in_freeze=True, guard=_refuse_to_lock),
    StepSpec(Step.UNLOCK, _unlock, _is_not_locked, restores=True),
    StepSpec(
        Step.FENCE_WRITER, _fence_writer, _writer_is_fenced, Step.UNFENCE_WRITER, in_freeze=True
    ),
    StepSpec(Step.UNFENCE_WRITER, _unfence_writer, _writer_is_open, restores=True),
)
