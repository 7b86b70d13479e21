"""Folds the journal into the state that a cutover has reached."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pgcutover.cutover.journal import Entry
from pgcutover.cutover.resolver import EFFECTS, State, Step, after_restart, check

INTENT, DONE, FAILED, SETTLED, RUN, FINISHED = (
    "intent",
    "done",
    "failed",
    "settled",
    "run",
    "finished",
)
"""The kinds of a journal's lines: a step begins, is complete, failed, or is known not to be done;
a process starts; the cutover is finished."""


@dataclass(frozen=True, slots=True)
class History:
    """The state after the completed steps; `pending` is a step that began and did not complete.

    `not_switched`: writes were accepted again before every pointer could be switched back.
    """

    state: State
    pending: Step | None = None
    finished: bool = False
    not_switched: bool = False


def read_history(entries: Iterable[Entry], *, dual_write: bool) -> History:
    """Return the state that the journal records."""
    history = History(replace(State(), dual_write=dual_write))
    for entry in entries:
        history = _after(history, entry)
    return history


def _after(history: History, entry: Entry) -> History:
    if entry.kind == INTENT:
        return replace(history, pending=Step(entry.step))
    if entry.kind == DONE:
        step, missed = Step(entry.step), history.not_switched
        if step in (Step.SWITCH, Step.SWITCH_BACK):
            missed = "not_switched" in entry.details
        return History(check(EFFECTS[step](history.state)), not_switched=missed)
    if entry.kind == SETTLED:
        return replace(history, pending=None)
    if entry.kind == RUN:
        return replace(history, state=after_restart(history.state))
    if entry.kind == FINISHED:
        return replace(history, finished=True)
    return history
