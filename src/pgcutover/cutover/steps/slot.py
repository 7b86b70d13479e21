"""The slot on the standby, from which its changes are carried back after the opening.

Creating a slot waits for every open writing transaction, so it is created before the freeze. In
the freeze it is advanced, so that nothing of the forward stream is carried back.
"""

from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec
from pgcutover.cutover.world import World


def _create(world: World, state: State) -> Facts:
    name = world.slot(state.standby)
    world.mover.prepare(state.standby)
    world.slots.create(state.standby, name)
    return {"slot": name}


def _exists(world: World, state: State) -> bool:
    return world.slots.exists(state.standby, world.slot(state.standby))


def _advance(world: World, state: State) -> Facts:
    name = world.slot(state.standby)
    return {"slot": name, "position": world.slots.advance(state.standby, name, world.budget.left())}


STEPS = (
    StepSpec(Step.CREATE_SLOT, _create, _exists),
    # a slot that was advanced can be advanced again: nothing is written on the standby meanwhile
    StepSpec(Step.ADVANCE_SLOT, _advance, lambda world, state: None, in_freeze=True),
)
