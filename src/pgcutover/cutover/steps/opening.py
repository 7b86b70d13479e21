"""The point of no return: from here on the standby accepts writes of clients.

Before it, the way back costs clients nothing but time. After it, the way back carries what they
wrote: `pgcutover rollback` is a cutover in the other direction.
"""

from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec
from pgcutover.cutover.world import World


def _open(world: World, state: State) -> Facts:
    if not world.freezes[state.writer].is_fenced():
        raise StepError(f"the {state.writer} is not fenced any more; both would accept writes")
    world.budget.left()
    world.freezes[state.standby].unfence()
    world.budget.stop()
    return {"writer": state.standby.value}


def _is_open(world: World, state: State) -> bool:
    return world.freezes[state.standby].is_open()


STEPS = (StepSpec(Step.OPEN, _open, _is_open, in_freeze=True, is_final=True),)
