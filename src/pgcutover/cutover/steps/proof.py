"""The sequences, and the final gate, which also checks them."""

from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec, not_shown
from pgcutover.cutover.world import World


def _prove(world: World, state: State) -> Facts:
    if state.locked:
        world.freezes[state.writer].verify()
    return world.gate.prove(state.writer, world.budget.left())


def _raise_sequences(world: World, state: State) -> Facts:
    return world.sequences.raise_on(state.standby)


STEPS = (
    # the final gate reads them again in sessions that are open already
    StepSpec(Step.RAISE_SEQUENCES, _raise_sequences, not_shown, in_freeze=True),
    # a proof is worth what was locked when it was made, so it is made again after a crash
    StepSpec(Step.PROVE, _prove, not_shown, in_freeze=True),
)
