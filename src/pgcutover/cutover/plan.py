"""The steps ahead, and all that would refuse them."""

from collections.abc import Iterator

from pgcutover.config import Settings
from pgcutover.cutover.gates.proof_method import ProofMethod
from pgcutover.cutover.resolver import Side, State, Step, remaining_steps
from pgcutover.cutover.start_problems import find_start_problems
from pgcutover.cutover.steps import STEPS
from pgcutover.cutover.world import World
from pgcutover.errors import PgCutoverError


def plan_lines(state: State, goal: Side, settings: Settings, method: ProofMethod) -> Iterator[str]:
    """Yield a line for each step that is left, with its undo and its budget."""
    steps = [*remaining_steps(state, goal)]
    yield f"{settings.name}: clients write to the {state.writer}; {len(steps)} steps to the {goal}"
    for number, step in enumerate(steps, 1):
        yield f"{number:3}  {step.value:18} {_describe(step, settings)}".rstrip()
    yield f"final gate: {method.describe()}"


def refusals(world: World, state: State, goal: Side, method: ProofMethod) -> Iterator[str]:
    """Yield every reason that is known before the first step, without changing anything.

    The mover's lag is not among them: only a marker, which is written, shows it.
    """
    if state.writer is goal and state.pointer is goal:
        yield f"clients write to the {goal} already"
        return
    try:
        world.check_gate()
    except PgCutoverError as error:
        yield str(error)
    if method.refusal:
        yield method.refusal
    found = find_start_problems(world, state)
    yield from found
    for problem in world.freezes[state.writer].problems(0.0, 0.0):
        if not any(each.endswith(problem) for each in found):
            yield problem


def _describe(step: Step, settings: Settings) -> str:
    spec = STEPS[step]
    words = []
    if step is Step.OPEN:
        words.append("POINT OF NO RETURN")
    if spec.in_freeze:
        words.append(f"in the freeze of at most {settings.freeze.budget_seconds:g} s")
    if spec.undo is not None:
        words.append(f"undone by {spec.undo.value!r}")
    return "; ".join(words)
