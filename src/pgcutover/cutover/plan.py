"""The steps ahead, and all that would refuse them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields

from pgcutover.config import Hooks, Settings
from pgcutover.cutover.gates.proof_method import ProofMethod
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side, State, Step, remaining_steps
from pgcutover.cutover.steps import STEPS
from pgcutover.cutover.switching.pointer import common_side
from pgcutover.cutover.wiring import make_pointers
from pgcutover.errors import PgCutoverError


def plan_lines(state: State, goal: Side, settings: Settings, method: ProofMethod) -> Iterator[str]:
    """Yield a line for each step that is left, with its undo and its budget."""
    steps = [*remaining_steps(state, goal)]
    yield f"{settings.name}: clients write to the {state.writer}; {len(steps)} steps to the {goal}"
    for number, step in enumerate(steps, 1):
        yield f"{number:3}  {step.value:18} {_describe(step, settings)}".rstrip()
    yield f"final gate: {method.describe()}"


def refusals(
    settings: Settings, method: ProofMethod, check_gate: Callable[[], Mapping[str, object]]
) -> Iterator[str]:
    """Yield every reason that is known before the first step."""
    try:
        check_gate()
    except PgCutoverError as error:
        yield str(error)
    if method.refusal:
        yield method.refusal
    hooks = HookRunner(settings.name, settings.path.parent)
    for each in fields(Hooks):
        if problem := hooks.problem(each.name, getattr(settings.cutover.hooks, each.name)):
            yield problem
    try:
        pointers = make_pointers(settings)
        if (side := common_side(pointers, Side.SOURCE)) is not Side.SOURCE:
            yield f"clients are sent to the {side or 'source and the target'} already"
    except PgCutoverError as error:
        yield str(error)


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
