"""The resolver from every half-done state: it never breaks an invariant, and never gets stuck."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.cutover.resolver import (
    EFFECTS,
    InvariantError,
    Side,
    State,
    Step,
    after_restart,
    check,
    next_step,
    remaining_steps,
)

LONGEST = len(Step)
NEEDED_TO_OPEN = (
    "approved",
    "proven",
    "smoked",
    "writer_fenced",
    "standby_fenced",
    "slot_created",
    "slot_advanced",
    "sequences_raised",
)


@st.composite
def reached_states(draw):
    """A state that a night of interruptions, restarts and changes of mind can lead to."""
    state = State()
    for _ in range(draw(st.integers(0, 4))):
        goal = draw(st.sampled_from(Side))
        for _ in range(draw(st.integers(0, LONGEST))):
            if (step := next_step(state, goal)) is None:
                break
            state = check(EFFECTS[step](state))
        if draw(st.booleans()):
            state = check(after_restart(state))
    return state


@given(reached_states(), st.sampled_from(Side))
def test_every_state_has_a_way_to_both_sides(state, goal):
    for count, step in enumerate(remaining_steps(state, goal)):
        state = check(EFFECTS[step](state))
        assert count < 2 * LONGEST
    assert (state.writer, state.pointer, state.serves) == (goal, goal, True)


@given(reached_states(), st.sampled_from(Side))
def test_a_restart_at_any_moment_keeps_both_ways_open(state, goal):
    for step in remaining_steps(state, goal):
        state = check(EFFECTS[step](state))
        for way in Side:
            assert len([*remaining_steps(check(after_restart(state)), way)]) < 2 * LONGEST


@given(reached_states(), st.sampled_from(Side))
def test_the_standby_opens_only_approved_proven_and_behind_both_fences(state, goal):
    for step in remaining_steps(state, goal):
        if step is Step.OPEN:
            assert all(getattr(state, name) for name in NEEDED_TO_OPEN)
            assert state.gate_passed or state.writer is Side.TARGET
        state = EFFECTS[step](state)


@given(reached_states())
def test_the_way_back_before_the_opening_never_opens_the_standby(state):
    assert Step.OPEN not in [*remaining_steps(state, state.writer)]


@given(reached_states())
def test_writes_are_accepted_again_before_anything_slower_is_done(state):
    """Only the pointer and the application's version come before the writer's unfreezing."""
    steps = [*remaining_steps(state, state.writer)]
    if state.frozen:
        place = min(steps.index(s) for s in (Step.UNLOCK, Step.UNFENCE_WRITER) if s in steps)
        assert set(steps[:place]) <= {Step.SWITCH_BACK, Step.UNDEPLOY}


def test_the_whole_night_uses_every_step():
    used, state = set(), State()
    for goal in (Side.TARGET, Side.SOURCE, Side.TARGET):
        for step in remaining_steps(state, goal):
            used.add(step)
            for taken_back in remaining_steps(state, state.writer):
                used.add(taken_back)
            state = EFFECTS[step](state)
    assert used == set(Step) == set(EFFECTS)


def frozen():
    return replace(State(), standby_fenced=True, writer_fenced=True, gate_passed=True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (replace(State(), exposed=True), "both sides would accept writes"),
        (replace(frozen(), pointer=Side.TARGET, exposed=True), "not proven equal"),
        (replace(frozen(), proven=True, pointer=Side.TARGET), "unnoticed"),
        (replace(State(), proven=True, gate_passed=True), "outlive the freeze"),
        (replace(frozen(), proven=True, gate_passed=False), "without a PASS"),
        (replace(frozen(), locked=True), "locked behind its fence"),
    ],
)
def test_each_invariant_can_be_violated(wrong, says):
    with pytest.raises(InvariantError, match=says):
        check(wrong)


def test_dual_write_is_the_only_excuse_for_two_writable_sides():
    assert check(replace(State(), exposed=True, dual_write=True))


# an effect or an order that is wrong must break a property above; each row is such a mistake
MISTAKES = {
    "the writer opens before clients are sent back": {
        Step.SWITCH_BACK: EFFECTS[Step.UNFENCE_WRITER],
    },
    "the old writer is not fenced when the standby opens": {
        Step.OPEN: lambda s: replace(EFFECTS[Step.OPEN](s), standby_fenced=False),
    },
    "the switch is forgotten": {Step.SWITCH: lambda s: replace(s, pointer=s.standby)},
    "a proof survives the thaw": {
        Step.UNFENCE_WRITER: lambda s: replace(s, writer_fenced=False),
    },
}


def walk(effects, stop):
    """Go towards the target for `stop` steps, then towards the source."""
    state = State()
    for goal in [Side.TARGET] * stop + [Side.SOURCE] * 3 * LONGEST:
        if (step := next_step(state, goal)) is None:
            return
        state = check(effects[step](state))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_effect_breaks_an_invariant(mistake):
    effects = {**EFFECTS, **MISTAKES[mistake]}
    for stop in range(LONGEST):
        walk(EFFECTS, stop)
    with pytest.raises(InvariantError):
        [walk(effects, stop) for stop in range(LONGEST)]
