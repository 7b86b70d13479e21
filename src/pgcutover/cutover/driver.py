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

_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass(slots=True)
class Driver:
    """Drives one cutover; `is_alone` raises where another operator may be at work."""

    world: World
    journal: Journal
    is_alone: Callable[[], None] = lambda: None
    progress: Callable[[str], None] = lambda _: None
    state: State = field(default_factory=State)
    restore_seconds: float = 20.0
    """The time for which a step that restores service is tried again: a server may restart."""

    def recover(self) -> State:
        """Bring the journal up to date with the world, after whatever ended the last process."""
        history = self._history()
        self.state = history.state  # as of then: a fence may prove what the lock began
        if history.pending is Step.LOCK or self.state.frozen:
            self.world.freezes[self.state.writer].resume_clients()
        if history.pending is not None:
            self.progress(f"the last run ended during the step {history.pending.value!r}")
            self._go_on(history.pending, self._settle)
        self.journal.append(RUN)
        self.state = self._history().state
        if history.not_switched and self.state.pointer is self.state.writer:
            self._go_on(Step.SWITCH_BACK, self._perform)
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
        self._try(spec, self.is_alone, again=spec.restores)
        if not spec.restores:
            self.journal.require_room()
        spec.guard(self.world, self.state)
        self.journal.append(INTENT, spec.step.value)
        begun = time.monotonic()
        facts = self._act(spec)
        is_done = self._try(spec, lambda: spec.is_done(self.world, self.state), again=spec.restores)
        if is_done is False:
            raise StepError(f"the step {spec.step.value!r} had no effect")
        seconds = round(time.monotonic() - begun, 3)
        self._complete(spec.step, seconds=seconds, **facts)
        self.progress(f"{spec.step.value} ({seconds:.3f} s)")

    def _act(self, spec: StepSpec) -> dict[str, object]:
        """Act; a step that restores service is tried again for a while."""
        return dict(self._try(spec, lambda: spec.act(self.world, self.state), again=spec.restores))

    def _try(self, spec: StepSpec, call: Callable[[], T], *, again: bool) -> T:
        """Return the call's result; with `again`, what failed is called for a while."""
        until = time.monotonic() + (self.restore_seconds if again else 0)
        pause = _PAUSE_SECONDS
        while True:
            try:
                return call()
            except Exception as error:
                if time.monotonic() + pause > until:
                    raise
                self.progress(f"{spec.step.value}: {public_error(error)}; trying again")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _restore(self, step: Step, error: BaseException) -> None:
        """Take a failed step back, and lead the writes to the writer; raise what happened."""
        reason, writer = _describe(error), self.state.writer
        self.progress(f"{step.value}: {reason}; going back")
        if self._history().pending is not None:
            self.journal.append(FAILED, step.value, reason=reason)
            self._go_on(step, self._settle)
        self.drive(self.state.writer)
        kind = RefusedError if isinstance(error, RefusedError) else StepError
        # an interrupt may come when the standby is open already
        since = "as before" if self.state.writer is writer else "now"
        raise kind(
            f"{step.value}: {reason}. Clients write to the {self.state.writer} {since}"
        ) from error

    def _go_on(self, step: Step, call: Callable[[StepSpec], None]) -> None:
        """Perform or settle a step outside of a drive; StepError says what clients can do."""
        try:
            call(STEPS[step])
        except Exception as error:
            raise self._not_restored(step, error) from error

    def _not_restored(self, step: Step, error: BaseException) -> BaseException:
        """Return an error that says what clients can do after a step to restore service failed."""
        if not isinstance(error, Exception):
            return error
        frozen = self.state.frozen
        where = "Clients cannot write" if frozen else "Clients write as before"
        thaw = f"; or accept writes on the {self.state.writer} by `pgcutover unfreeze`"
        return StepError(
            f"{step.value}: {_describe(error)}. {where}; run the same command again, it goes on "
            f"where it ended{thaw if frozen else ''}"
        )

    def _settle(self, spec: StepSpec) -> None:
        """Find out what became of a step that did not complete, and leave nothing half-done."""
        self._try(spec, self.is_alone, again=True)
        if self._find_done(spec):
            self._complete(spec.step, found=True)
        elif spec.restores:
            self._complete(spec.step, **self._act(spec))
        elif spec.undo is not None and spec.undo is not Step.UNLOCK:
            undo = STEPS[spec.undo]
            self.journal.append(INTENT, undo.step.value)
            self._complete(undo.step, **self._act(undo))
        else:
            self.journal.append(SETTLED, spec.step.value)

    def _find_done(self, spec: StepSpec) -> bool | None:
        """Return whether a step was done; only a final one must be known not to be."""
        try:
            return self._try(spec, lambda: spec.is_done(self.world, self.state), again=True)
        except Exception:
            if spec.is_final:
                raise
            return None

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
