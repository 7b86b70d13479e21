"""Test what a night says about its client, and that a command can be killed in a step."""

import os
import signal
from dataclasses import replace

import pytest

from pgcutover.cutover.resolver import Side, State, Step, remaining_steps
from pgcutover.cutover.steps import STEPS
from pgcutover.rehearsal.killed_command import kill_in
from pgcutover.rehearsal.timeline import (
    Night,
    Passage,
    Write,
    count_lost,
    frozen_seconds,
    frozen_steps,
    longest_gap,
    night_lines,
    read_writes,
)

WRITES = [Write("a", 1.0), Write("b", 1.1), Write("c", 4.1), Write("d", 4.2), Write("e", 9.2)]
PASSAGE = Passage("cutover", 12.5, 3.0, 0.9, (("lock", 0.1), ("open", 0.8)))


def make_night(**more):
    return replace(Night((PASSAGE,), 2_345, 0, 0, 41.0, {"open_keys": 12}), **more)


def test_a_gap_counts_for_the_command_that_it_touches():
    assert longest_gap(WRITES, 0.5, 4.15) == 3.0
    assert longest_gap(WRITES, 4.15, 4.18) == 0.1
    assert longest_gap(WRITES, 4.15, 6.0) == 5.0  # it ends after the command
    assert longest_gap([], 0.0, 1.0) == 0.0


def test_acknowledged_writes_are_counted_where_they_are_missing():
    writes = read_writes(["a 1.0\n", "b 1.5\n"])
    assert writes == [Write("a", 1.0), Write("b", 1.5)]
    assert count_lost(writes, {"b", "c"}) == 1


def test_the_freeze_lasts_from_the_lock_to_the_opening():
    frozen = [*frozen_steps()]
    assert (frozen[0], frozen[-1]) == ("lock", "open")
    assert {"drain", "final gate", "switch secret", "smoke"} <= {*frozen}
    assert not {"create slot", "start mover", "end maintenance"} & {*frozen}
    assert frozen_seconds([("create slot", 5.0), ("lock", 0.1), ("open", 0.2)]) == 0.3


@pytest.mark.parametrize(
    ("fault", "words"), [("lost", "3 LOST"), ("client_errors", "does not retry: 3")]
)
def test_a_night_with_a_fault_is_not_good_and_says_so(fault, words):
    assert make_night().is_good
    assert "none lost" in "\n".join(night_lines(make_night()))
    bad = make_night(**{fault: 3})
    assert not bad.is_good
    assert words in "\n".join(night_lines(bad))


def test_a_command_is_killed_once_the_work_of_the_step_was_done(tmp_path, monkeypatch):
    done = tmp_path / "done"
    monkeypatch.setitem(STEPS, Step.DRAIN, replace(STEPS[Step.DRAIN], act=lambda *_: done.touch()))
    child = os.fork()
    if child == 0:
        kill_in(Step.DRAIN)
        STEPS[Step.DRAIN].act(None, State())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert done.exists()


def test_every_step_of_a_cutover_can_be_broken():
    steps = [*remaining_steps(State(), Side.TARGET)]
    assert {Step.CHECK_GATE, Step.OPEN, Step.START_MOVER} <= {*steps}
    assert {*steps} <= STEPS.keys()
