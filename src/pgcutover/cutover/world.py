"""All that the steps of a cutover act on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pgcutover.config import Cutover, Hook
from pgcutover.cutover.errors import BudgetError, StepError
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.protocols import FinalGate, Mover, ReturnSlot, Sequences, SideFreeze
from pgcutover.cutover.resolver import Side, State
from pgcutover.cutover.smoke_suite import SmokeSuite
from pgcutover.cutover.switching.pointer import Pointer


@dataclass(slots=True)
class Budget:
    """The time that a freeze may last, by a clock that nobody sets."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    begun: float | None = None

    def start(self, seconds: float = 0.0) -> None:
        """Begin to count, unless it has begun; clients have waited for `seconds` already."""
        if self.begun is None:
            self.begun = self.clock() - seconds

    def stop(self) -> None:
        """End a freeze."""
        self.begun = None

    @property
    def deadline(self) -> float | None:
        """The end of the freeze; None outside of one."""
        return None if self.begun is None else self.begun + self.seconds

    def left(self) -> float:
        """Return the seconds that are left; BudgetError if there are none."""
        left = self.seconds if self.deadline is None else self.deadline - self.clock()
        if left <= 0:
            raise BudgetError(f"the freeze lasted longer than its budget of {self.seconds:g} s")
        return left


@dataclass(frozen=True, slots=True)
class World:
    """The databases, the mover, the pointers and the hooks of one migration.

    `check_gate` and `approve` raise RefusedError, and return facts for the journal.
    """

    migration: str
    settings: Cutover
    freezes: Mapping[Side, SideFreeze]
    mover: Mover
    gate: FinalGate
    slots: ReturnSlot
    sequences: Sequences
    pointers: tuple[Pointer, ...]
    hooks: HookRunner
    check_gate: Callable[[], Mapping[str, object]]
    approve: Callable[[State], Mapping[str, object]]
    budget: Budget
    slot_prefix: str
    smoke: SmokeSuite | None = None
    must_unfreeze: bool = False
    """Accept writes again even if a pointer cannot be switched back, or a hook fails."""

    def hook(self, name: str) -> Hook | None:
        """Return the hook of that name; None if there is none."""
        hook: Hook | None = getattr(self.settings.hooks, name)
        return hook

    def run_hook(self, name: str, side: Side) -> bool:
        """Run a hook within what is left of the freeze; return False if there is none."""
        hook = self.hook(name)
        if hook is None:
            return False
        self.hooks.run(name, hook, side, self.budget.deadline)
        return True

    def run_restoring_hook(self, name: str, side: Side) -> dict[str, object]:
        """Run a hook of the way back; return facts. Where writes must go on, it may fail."""
        try:
            return {"hook": self.run_hook(name, side)}
        except StepError as error:
            if not self.must_unfreeze:
                raise
            return {"hook": True, "failed": str(error)}

    def slot(self, side: Side) -> str:
        """Return the name of the slot on a side, from which changes of that side are carried."""
        return f"{self.slot_prefix}_from_{side}"
