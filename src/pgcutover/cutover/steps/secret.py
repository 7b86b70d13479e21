"""The pointers that clients follow."""

from pgcutover.cutover.errors import ChangedError, StepError
from pgcutover.cutover.resolver import Side, State, Step
from pgcutover.cutover.steps.model import Facts, StepSpec, not_shown
from pgcutover.cutover.switching.pointer import common_side
from pgcutover.cutover.world import World


def _prepare(world: World, state: State) -> Facts:
    for pointer in world.pointers:
        pointer.prepare(state.writer)
    return {"pointers": [pointer.name for pointer in world.pointers]}


def _switch(world: World, state: State) -> Facts:
    for pointer in world.pointers:
        pointer.switch(state.standby)
    return {"side": state.standby.value, "hook": world.run_hook("switch", state.standby)}


def _switch_back(world: World, state: State) -> Facts:
    """Send clients back to the writer; what somebody else changed stays as it is, and is named."""
    failed: dict[str, str] = {}
    for pointer in world.pointers:
        try:
            pointer.restore(state.writer)
        except ChangedError as error:
            failed[pointer.name] = str(error)
        except StepError as error:
            if not world.must_unfreeze:
                raise
            failed[pointer.name] = str(error)
    hook = world.run_restoring_hook("switch", state.writer)
    if "failed" in hook:
        failed["hook switch"] = str(hook["failed"])
    facts = {"side": state.writer.value, "hook": hook["hook"]}
    return {**facts, "not_switched": failed} if failed else facts


def _names(world: World, side: Side) -> bool | None:
    """Return whether all pointers name a side; None where only the team's hook can know."""
    if world.hook("switch") is not None or not world.pointers:
        return None
    return common_side(world.pointers, side) is side


STEPS = (
    StepSpec(Step.PREPARE_SECRET, _prepare, lambda world, state: None),
    StepSpec(
        Step.SWITCH,
        _switch,
        lambda world, state: _names(world, state.standby),
        Step.SWITCH_BACK,
        in_freeze=True,
    ),
    # a pointer that names the writer may still be switched by a late call, so it is done again
    StepSpec(Step.SWITCH_BACK, _switch_back, not_shown, restores=True),
)
