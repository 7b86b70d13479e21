"""Failures on the way: each is taken back, clients go on writing, and the next try succeeds."""

from dataclasses import replace

import psycopg
import pytest
from cutover.rig import Night
from cutover.subscriptions import execute

from pgcutover.config import Hook, Hooks
from pgcutover.cutover import driver as driver_module
from pgcutover.cutover.errors import RefusedError, StepError
from pgcutover.cutover.resolver import Side, Step
from pgcutover.cutover.status import read_status
from pgcutover.cutover.world import Budget

HANGS = Hook(command=("sleep", "60"), timeout_seconds=60)
# a busy machine may reach the budget before the hook
OVER_BUDGET = "was killed|longer than its budget|no time is left|no marker arrived|timeout"


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    made = Night(tmp_path, databases, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def replaced_steps(monkeypatch):
    """replaced_steps(step, function): call the function in place of the step's action."""

    def replaced(step, function):
        specs = driver_module.STEPS
        monkeypatch.setitem(specs, step, replace(specs[step], act=function))

    return replaced


def over_budget(world):
    """A deployment that does not end before the freeze budget does."""
    hooks = replace(Hooks(), deploy=HANGS)
    return replace(world, settings=replace(world.settings, hooks=hooks), budget=Budget(1.5))


def taken_back(night, says):
    """A cutover fails with the reason, and clients write to the source as before."""
    with pytest.raises((StepError, RefusedError), match=says) as caught:
        night.lead(Side.TARGET)
    night.wait_for_writes(3)
    status = read_status(night.settings)
    assert status.contradictions == ()
    assert (status.history.state.writer, status.history.state.frozen) == (Side.SOURCE, False)
    assert status.accepts_writes[Side.SOURCE]
    return str(caught.value)


def test_every_failure_is_taken_back_and_the_next_try_succeeds(night, replaced_steps):
    with night.client():
        night.change_world = over_budget
        assert "Clients write to the source as before" in taken_back(night, OVER_BUDGET)
        night.change_world = lambda world: world
        behind_the_fence(night, "insert into orders values (-1, gen_random_uuid(), 'rogue')")
        taken_back(night, "final gate: FAIL: source and target differ")
        behind_the_fence(night, "delete from orders where id = -1")
        changed_secret(night, replaced_steps)
        # clients have been sent there once, so it stays fenced
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="refuses writes"):
            execute(night.dsns[Side.TARGET], "delete from orders")
        second_operator(night)
        dead_pointer_and_hook(night)
        interrupted_after_the_opening(night, replaced_steps)
        night.wait_for_writes(3)
    assert night.lost(Side.TARGET) == []


def behind_the_fence(night, statement):
    """Write on the target as a mover does; the fence refuses all others."""
    with psycopg.connect(night.dsns[Side.TARGET]) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(statement)


def changed_secret(night, replaced_steps):
    """Somebody changes the pointer in the freeze: it is not overwritten, and the source opens."""
    env_file = night.folder / "app.env"
    before = env_file.read_text()

    def change(world, state):
        env_file.write_text("DATABASE_URL=postgresql://else\n")
        message = "smoke failed"
        raise StepError(message)

    smoke = driver_module.STEPS[Step.SMOKE].act
    replaced_steps(Step.SMOKE, change)
    with pytest.raises(StepError, match="smoke failed"):
        night.lead(Side.TARGET)
    assert "else" in env_file.read_text()
    status = read_status(night.settings)
    assert status.accepts_writes[Side.SOURCE]
    assert ["unknown place" in line for line in status.contradictions] == [True]
    assert "not_switched" in night.facts(Step.SWITCH_BACK)
    replaced_steps(Step.SMOKE, smoke)
    env_file.write_text(before)
    night.lead(Side.SOURCE)
    assert "not_switched" not in night.facts(Step.SWITCH_BACK)
    night.wait_for_writes(3)


class DeadPointer:
    """A pointer that never answers again once it has switched."""

    def __init__(self, pointer):
        self.pointer, self.name, self.is_dead = pointer, pointer.name, False

    def prepare(self, writer):
        self.pointer.prepare(writer)

    def side(self):
        self._answer()
        return self.pointer.side()

    def client_dsn(self):
        self._answer()
        return self.pointer.client_dsn()

    def switch(self, to):
        self._answer()
        self.pointer.switch(to)
        self.is_dead = True
        self._answer()

    def restore(self, to):
        self._answer()

    def _answer(self):
        if self.is_dead:
            message = "the secret did not answer"
            raise StepError(message)


def dead_pointer_and_hook(night):
    """Neither a dead pointer nor a hook that fails for ever keeps clients from writing again."""
    hooks = replace(Hooks(), maintenance_off=Hook(command=("false",)))
    pointers = [DeadPointer(pointer) for pointer in night.world().pointers]
    night.change_world = lambda world: replace(
        world, settings=replace(world.settings, hooks=hooks), pointers=tuple(pointers)
    )
    with pytest.raises(StepError, match=r"Clients cannot write; .* `pgcutover unfreeze`"):
        night.lead(Side.TARGET)
    break_further = night.change_world
    night.change_world = lambda world: replace(break_further(world), must_unfreeze=True)
    assert night.lead(Side.SOURCE).serves
    status = read_status(night.settings)
    assert status.accepts_writes == {Side.SOURCE: True, Side.TARGET: False}
    assert "clients are sent to target, but the journal" in status.contradictions[0]
    assert "exit code 1" in night.facts(Step.END_MAINTENANCE)["failed"]
    night.change_world = lambda world: world
    night.lead(Side.SOURCE)
    assert read_status(night.settings).contradictions == ()
    night.wait_for_writes(3)


def second_operator(night):
    with night.driver(), pytest.raises(RefusedError, match=r"another operator .* \(backend \d+\)"):
        night.lead(Side.TARGET)


def interrupted_after_the_opening(night, replaced_steps):
    """Ctrl-C when the target accepts writes already: it stays open, and the rest is done."""
    act = driver_module.STEPS[Step.OPEN].act

    def interrupted(world, state):
        act(world, state)
        raise KeyboardInterrupt

    replaced_steps(Step.OPEN, interrupted)
    with pytest.raises(StepError, match=r"open: interrupted\. Clients write to the target now"):
        night.lead(Side.TARGET)
    state = read_status(night.settings).history.state
    assert (state.writer, state.serves, state.mover_running) == (Side.TARGET, True, True)


def test_a_budget_is_counted_by_a_clock_that_nobody_sets():
    now = [100.0]
    budget = Budget(2, lambda: now[0])
    assert budget.left() == 2
    budget.start()
    now[0] += 1.5
    assert budget.left() == pytest.approx(0.5)
    now[0] += 0.5
    with pytest.raises(StepError, match="longer than its budget of 2 s"):
        budget.left()
    budget.stop()
    assert budget.deadline is None
