"""The mover: drained and fenced in the freeze, started the other way after the opening."""

from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec, not_shown
from pgcutover.cutover.world import World


def _drain(world: World, state: State) -> Facts:
    return world.mover.drain(state.writer, world.budget.left())


def _fence(world: World, state: State) -> Facts:
    world.mover.fence(state.writer)
    return {}


def _is_fenced(world: World, state: State) -> bool | None:
    return world.mover.is_fenced(state.writer)


def _unfence(world: World, state: State) -> Facts:
    world.mover.unfence(state.writer)
    return {}


def _is_not_fenced(world: World, state: State) -> bool | None:
    is_fenced = world.mover.is_fenced(state.writer)
    return None if is_fenced is None else not is_fenced


def _start(world: World, state: State) -> Facts:
    name = world.slot(state.writer)
    world.mover.start(state.writer, name)
    return {"slot": name}


def _is_running(world: World, state: State) -> bool:
    return world.mover.is_running(state.writer)


STEPS = (
    StepSpec(Step.DRAIN, _drain, not_shown, in_freeze=True),
    StepSpec(Step.FENCE_MOVER, _fence, _is_fenced, Step.UNFENCE_MOVER, in_freeze=True),
    StepSpec(Step.UNFENCE_MOVER, _unfence, _is_not_fenced, restores=True),
    StepSpec(Step.START_MOVER, _start, _is_running),
)
