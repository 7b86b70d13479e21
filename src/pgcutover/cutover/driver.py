"""Performs the steps that the resolver names, each between two lines of the journal.

A step that fails on the way to the standby is taken back, and the way back to service on the
writer begins at once. So does a freeze that lasts longer than its budget. Steps that restore
service are tried again for a while; if they cannot be done, the error says how to go on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pgcutover.cutover.errors import RefusedError, StepError
from pgcutover.cutover.history import DONE, FAILED, INTENT, RUN, SETTLED, History, read_history
from pgcutover.cutover.journal import Journal, JournalError
from pgcutover.cutover.resolver import EFFECTS, Side, State, Step, check, next_step
from pgcutover.cutover.steps import STEPS, StepSpec
from pgcutover.cutover.world import World
from pgcutover.error_texts.public_errors import public_error

T = TypeVar("T")

_RESTORE_TRIES = 8
_RESTORE_PAUSE_SECONDS = 0.25


@dataclass(slots=True)
class Driver:
    """Drives one cutover; `is_alone` raises where another operator may be at work."""

    world: World
    journal: Journal
    is_alone: Callable[[], None] = lambda: None
    progress: Callable[[str], None] = lambda _: None
    state: State = field(default_factory=State)

    def recover(self) -> State:
        """Bring the journal up to date with the world, after whatever ended the last process."""
        history = self._history()
        self.state = history.state  # as of then: a fence may prove what the lock began
        if history.pending is not None:
            self.progress(f"the last run ended during the step {history.pending.value!r}")
            self._settle(STEPS[history.pending])
        self.journal.append(RUN)
        self.state = self._history().state
        if self.state.frozen:
            self.world.budget.start()
        return self.state

    def drive(self, goal: Side) -> None:
        """Lead the clients' writes to a side; StepError where they are on the writer again."""
        if goal is self.state.writer:
            self.world.budget.stop()  # what restores service is not bound by it
        while (step := next_step(self.state, goal)) is not None:
            try:
                self._perform(STEPS[step])
                if self.state.frozen and goal is not self.state.writer:
                    self.world.budget.left()
            except (KeyboardInterrupt, Exception) as error:
                if goal is not self.state.writer:
                    self._restore(step, error)
                raise self._not_restored(step, error) from error

    def _perform(self, spec: StepSpec) -> None:
        """Guard, record the intent, act, prove, and record the completion."""
        self.is_alone()
        if not spec.restores:
            self.journal.require_room()
        spec.guard(self.world, self.state)
        self.journal.append(INTENT, spec.step.value)
        begun = time.monotonic()
        facts, tries = self._act(spec), _RESTORE_TRIES if spec.restores else 1
        if self._try(spec, tries, lambda: spec.is_done(self.world, self.state)) is False:
            raise StepError(f"the step {spec.step.value!r} had no effect")
        seconds = round(time.monotonic() - begun, 3)
        self._complete(spec.step, seconds=seconds, **facts)
        self.progress(f"{spec.step.value} ({seconds:.3f} s)")

    def _act(self, spec: StepSpec) -> dict[str, object]:
        """Act; a step that restores service is tried again for a while."""
        tries = _RESTORE_TRIES if spec.restores else 1
        return dict(self._try(spec, tries, lambda: spec.act(self.world, self.state)))

    def _try(self, spec: StepSpec, tries: int, call: Callable[[], T]) -> T:
        """Return the call's result; a server may come back after a short time."""
        for _ in range(tries - 1):
            try:
                return call()
            except Exception as error:
                self.progress(f"{spec.step.value}: {public_error(error)}; trying again")
                time.sleep(_RESTORE_PAUSE_SECONDS)
        return call()

    def _restore(self, step: Step, error: BaseException) -> None:
        """Take a failed step back, and lead the writes to the writer; raise what happened."""
        reason, writer = _describe(error), self.state.writer
        self.progress(f"{step.value}: {reason}; going back")
        if self._history().pending is not None:
            self.journal.append(FAILED, step.value, reason=reason)
            self._settle(STEPS[step])
        self.drive(self.state.writer)
        kind = RefusedError if isinstance(error, RefusedError) else StepError
        # an interrupt may come when the standby is open already
        since = "as before" if self.state.writer is writer else "now"
        raise kind(
            f"{step.value}: {reason}. Clients write to the {self.state.writer} {since}"
        ) from error

    def _not_restored(self, step: Step, error: BaseException) -> BaseException:
        """Return an error that says what clients can do after a step to restore service failed."""
        if not isinstance(error, Exception):
            return error
        where = "Clients cannot write" if self.state.frozen else "Clients write as before"
        return StepError(
            f"{step.value}: {_describe(error)}. {where}; run the same command again, it goes on "
            "where it ended"
        )

    def _settle(self, spec: StepSpec) -> None:
        """Find out what became of a step that did not complete, and leave nothing half-done."""
        self.is_alone()
        if self._try(spec, _RESTORE_TRIES, lambda: spec.is_done(self.world, self.state)):
            self._complete(spec.step, found=True)
        elif spec.restores:
            self._complete(spec.step, **self._act(spec))
        elif spec.undo is not None and spec.undo is not Step.UNLOCK:
            undo = STEPS[spec.undo]
            self.journal.append(INTENT, undo.step.value)
            self._complete(undo.step, **self._act(undo))
        else:
            self.journal.append(SETTLED, spec.step.value)

    def _complete(self, step: Step, **details: object) -> None:
        after = check(EFFECTS[step](self.state))
        self.journal.append(DONE, step.value, **details)
        self.state = after

    def _history(self) -> History:
        return read_history(self.journal.entries, dual_write=self.world.settings.dual_write)


def _describe(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, JournalError):
        return str(error)
    return str(public_error(error)) if isinstance(error, Exception) else type(error).__name__
