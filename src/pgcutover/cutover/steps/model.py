"""The form of a step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.world import World

Facts = Mapping[str, object]


def _no_guard(world: World, state: State) -> None:
    """Allow the step."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step; each function gets the state before the step.

    `guard` raises RefusedError before anything is changed. `act` can be done again after a crash
    at any point of it, and returns facts for the journal. `is_done` looks at the world itself;
    None says that the world does not show it, so the step is done again. `undo` is the step that
    takes it back; None where the freeze's end does, or where there is nothing to take back.
    `restores`: it brings service back, so after a crash it is done again at once.
    `in_freeze`: its time counts against the freeze budget.
    `is_final`: it cannot be taken back, so after a crash it must be known whether it was done.
    """

    step: Step
    act: Callable[[World, State], Facts]
    is_done: Callable[[World, State], bool | None]
    undo: Step | None = None
    restores: bool = False
    in_freeze: bool = False
    is_final: bool = False
    guard: Callable[[World, State], None] = _no_guard


def not_shown(world: World, state: State) -> bool | None:
    """Return None: the world does not show whether the step was done."""
    return None
