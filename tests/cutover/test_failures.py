"""Failures on the way: each is taken back, clients go on writing, and the next try succeeds."""

import threading
import time
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest
from cutover.rig import Night, execute

from pgcutover.config import Hook, Hooks
from pgcutover.cutover import driver as driver_module
from pgcutover.cutover.errors import RefusedError, StepError
from pgcutover.cutover.resolver import Side, Step
from pgcutover.cutover.status import read_status
from pgcutover.cutover.world import Budget

HANGS = Hook(command=("sleep", "60"), timeout_seconds=0.2)
FAILS = Hook(command=("false",))


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


def with_hooks(**hooks):
    return lambda world: replace(
        world, settings=replace(world.settings, hooks=replace(Hooks(), **hooks))
    )


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
        night.change_world = with_hooks(smoke=FAILS)
        assert "source as before" in taken_back(night, "smoke: hook smoke: ended with exit code 1")
        night.change_world = with_hooks(deploy=HANGS)
        taken_back(night, r"deploy: hook deploy: did not end within 0\.2 s and was killed")
        night.change_world = with_hooks(maintenance_on=Hook(command=("./missing",)))
        taken_back(night, "start maintenance: hook maintenance_on: ./missing is not an executable")
        night.change_world = lambda world: replace(world, budget=Budget(0.3))
        taken_back(night, "longer than its budget|no time is left|no marker arrived|timeout")
        night.change_world = lambda world: world
        behind_the_fence(night, "insert into orders values (-1, gen_random_uuid(), 'rogue')")
        taken_back(night, "final gate: FAIL: source and target differ")
        behind_the_fence(night, "delete from orders where id = -1")
        night.check_gate = refuse_gate
        taken_back(night, "check gate: the cutover needs a PASS")
        night.check_gate = dict
        changed_secret(night, replaced_steps)
        cut_connections(night)
        second_operator(night)
        assert night.lead(Side.TARGET).serves
        night.wait_for_writes(3)
    assert night.lost(Side.TARGET) == []


def behind_the_fence(night, statement):
    """Write on the target as a mover does; the fence refuses all others."""
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="refuses writes"):
        execute(night.dsns[Side.TARGET], statement)
    with psycopg.connect(night.dsns[Side.TARGET]) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(statement)


def refuse_gate():
    message = "the cutover needs a PASS"
    raise RefusedError(message)


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
    night.wait_for_writes(3)


def cut_connections(night):
    """All sessions of the owner's role are ended again and again during a cutover."""
    ended = threading.Event()
    end = f"""select pg_terminate_backend(pid) from pg_stat_activity
    where usename = '{night.databases.name}'"""

    def cut():
        while not ended.wait(0.4):
            for dsn in night.dsns.values():
                execute(dsn, end)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        with suppress(StepError, RefusedError):
            night.lead(Side.TARGET)
    finally:
        ended.set()
        cutter.join()
    deadline = time.monotonic() + 10
    while True:
        try:
            night.lead(Side.SOURCE)
        except RefusedError:
            assert time.monotonic() < deadline
        else:
            break
    night.wait_for_writes(3)


def second_operator(night):
    with night.driver(), pytest.raises(RefusedError, match=r"another operator .* \(backend \d+\)"):
        night.lead(Side.TARGET)


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
