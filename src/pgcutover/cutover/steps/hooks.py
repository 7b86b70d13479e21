"""Maintenance, deployment and smoke: hooks of the team, and the smoke suite.

Without a hook a step does nothing.
"""

from functools import partial

from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.start_problems import find_start_problems
from pgcutover.cutover.steps.model import Facts, StepSpec, not_shown
from pgcutover.cutover.world import World


def _refuse_to_begin(world: World, state: State) -> None:
    """Refuse before anything is changed; all reasons are told at once."""
    if problems := find_start_problems(world, state):
        raise RefusedError("; ".join(problems))


def _run(name: str, world: World, state: State) -> Facts:
    """Run a hook about the side that clients are being sent to."""
    return {"hook": world.run_hook(name, state.pointer)}


def _run_back(name: str, world: World, state: State) -> Facts:
    """Run a hook of the way back about the side that clients write to."""
    return world.run_restoring_hook(name, state.pointer)


def _smoke(world: World, state: State) -> Facts:
    """Run the smoke suite, then the hook; either one takes the freeze back if it fails."""
    facts = world.smoke.run(state.pointer, world.budget.left()) if world.smoke else {}
    return {**facts, **_run("smoke", world, state)}


STEPS = (
    StepSpec(
        Step.START_MAINTENANCE,
        partial(_run, "maintenance_on"),
        not_shown,
        Step.END_MAINTENANCE,
        guard=_refuse_to_begin,
    ),
    StepSpec(Step.END_MAINTENANCE, partial(_run_back, "maintenance_off"), not_shown, restores=True),
    StepSpec(Step.DEPLOY, partial(_run, "deploy"), not_shown, Step.UNDEPLOY, in_freeze=True),
    StepSpec(Step.UNDEPLOY, partial(_run_back, "deploy_back"), not_shown, restores=True),
    StepSpec(Step.SMOKE, _smoke, not_shown, in_freeze=True),
)
