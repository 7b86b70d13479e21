"""Kills a driver at a chosen point of a chosen step, and checks what is left.

The points are made from the list of steps, so that a new step is covered or a test fails.
"""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from pgcutover.cutover import journal as journal_module
from pgcutover.cutover.errors import RefusedError, StepError
from pgcutover.cutover.journal import Entry
from pgcutover.cutover.resolver import Side, Step
from pgcutover.cutover.status import read_status
from pgcutover.cutover.steps import STEPS

PLACES = ("before intent", "after intent", "inside", "before done", "torn done", "after done")
# a step of the way back is reached by the failure of this one
FAILURES = {
    Step.UNLOCK: Step.PROVE,
    Step.UNFENCE_STANDBY: Step.PROVE,
    Step.SWITCH_BACK: Step.SMOKE,
    Step.UNDEPLOY: Step.SMOKE,
    Step.UNFENCE_WRITER: Step.SMOKE,
    Step.UNFENCE_MOVER: Step.SMOKE,
}
# done only while clients were never sent to the target, so these kills come first
UNEXPOSED = (Step.FENCE_STANDBY, Step.UNFENCE_STANDBY)
# done only on the way to the target
FORWARD = (Step.CHECK_GATE,)
_INSIDE_SECONDS = 0.15
_OTHER_OPERATOR_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Kill:
    """A point at which the driver is killed."""

    step: Step
    place: str

    def __str__(self) -> str:
        return f"{self.step.value}: {self.place}"


def all_kills():
    """Every point of every step; those before the first exposure come first."""
    steps = sorted(Step, key=lambda step: step not in UNEXPOSED)
    return [Kill(step, place) for step in steps for place in PLACES]


def fail(world, state):
    message = "this step fails in a test"
    raise StepError(message)


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def run_killed(night, goal, kill, seed):
    """Drive to a goal in a child that is killed at the point; return whether that was reached."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException), night.driver() as driver:
            if kill.step in FAILURES:
                failing = FAILURES[kill.step]
                STEPS[failing] = replace(STEPS[failing], act=fail)
            arm(driver, kill, random.Random(seed))
            driver.recover()
            driver.drive(goal)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def arm(driver, kill, rng):
    """Make a driver of this process kill itself at the point."""
    spec, append = STEPS[kill.step], driver.journal.append

    def act(world, state):
        threading.Timer(rng.uniform(0, _INSIDE_SECONDS), die).start()
        facts = spec.act(world, state)
        die()
        return facts

    if kill.place == "inside":
        STEPS[kill.step] = replace(spec, act=act)

    def appending(kind, step="", **details):
        word = {"intent": "intent", "done": "done"}.get(kind, "")
        is_here = step == kill.step.value and word
        if is_here and kill.place == f"before {word}":
            die()
        if is_here and kill.place == f"torn {word}":
            tear(driver.journal, kind, step, details)
        entry = append(kind, step, **details)
        if is_here and kill.place == f"after {word}":
            die()
        return entry

    driver.journal.append = appending


def tear(journal, kind, step, details):
    """Write half of a line, and die."""
    entry = Entry(len(journal.entries), kind, step, details, "2026-12-01T00:00:00+00:00")
    line, _ = journal_module._line(entry, journal._last_hash)
    os.write(journal._descriptor, line[: len(line) // 2])
    die()


def lead(night, goal):
    """Run the command again until it is alone: the server ends a dead driver's sessions soon."""
    deadline = time.monotonic() + _OTHER_OPERATOR_SECONDS
    while True:
        try:
            return night.lead(goal)
        except RefusedError as error:
            if "another operator" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def check_after_death(night):
    """Status contradicts neither database, and never do both accept writes of sent clients."""
    status = read_status(night.settings)
    assert status.contradictions == ()
    assert not status.is_running
    exposed = status.history.state.exposed
    assert not (exposed and all(status.accepts_writes.values())), status.accepts_writes


def survive(night, kill, rng):
    """Kill one run at the point, look, go on to either side, and see that clients can write."""
    writer = read_status(night.settings).history.state.writer
    goal = writer.other
    if kill.step in FORWARD and goal is Side.SOURCE:
        lead(night, Side.SOURCE)
        goal = Side.TARGET
    assert run_killed(night, goal, kill, rng.random()), f"{kill} was not reached"
    check_after_death(night)
    goal = writer if kill.step in UNEXPOSED else rng.choice(list(Side))
    state = lead(night, goal)
    assert (state.writer, state.serves) == (goal, True)
    night.wait_for_writes(3)
