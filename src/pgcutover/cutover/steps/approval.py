"""The gate's PASS, and the approval of the point of no return."""

from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec, not_shown
from pgcutover.cutover.world import World


def _check_gate(world: World, state: State) -> Facts:
    return world.check_gate()


def _approve(world: World, state: State) -> Facts:
    return world.approve(state)


STEPS = (
    StepSpec(Step.CHECK_GATE, _check_gate, not_shown),
    StepSpec(Step.APPROVE, _approve, not_shown),
)
