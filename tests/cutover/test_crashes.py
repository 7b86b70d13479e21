"""kill -9 at every boundary of every step and inside it; no acknowledged write is ever lost.

`tox -e crash` kills at every point, twice; other runs take a seeded sample.
"""

import os
import random
import threading
import time
from contextlib import suppress

import pytest
from cutover.crashes import FORWARD, UNEXPOSED, all_kills, survive
from cutover.rig import Night
from cutover.subscriptions import execute

from pgcutover.cutover.errors import RefusedError, StepError
from pgcutover.cutover.resolver import Side, Step
from pgcutover.cutover.status import read_status

SEED = 20_261_201
SAMPLE = 1
ROUNDS = int(os.environ.get("PGCUTOVER_CRASH_ROUNDS", "0"))


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    made = Night(tmp_path, databases, monkeypatch)
    yield made
    made.close()


def chosen_kills(rng):
    """Every point in each round, shuffled but for those that must come first; else a sample."""
    kills = all_kills()
    if not ROUNDS:
        return rng.sample([k for k in kills if k.step not in (*UNEXPOSED, *FORWARD)], SAMPLE)
    first = [k for k in kills if k.step in UNEXPOSED]
    rest = [k for k in kills if k.step not in UNEXPOSED] * ROUNDS
    return [*first, *rng.sample(rest, len(rest))]


def test_every_step_has_its_points():
    assert {kill.step for kill in all_kills()} == set(Step)


def test_no_acknowledged_write_is_lost_whenever_the_driver_is_killed(night):
    rng = random.Random(SEED)
    with night.client():
        for number, kill in enumerate(chosen_kills(rng), 1):
            print(f"{number:4} {kill}", flush=True)
            survive(night, kill, rng)
    writer = read_status(night.settings).history.state.writer
    assert night.acknowledged()
    assert night.lost(writer) == []
    print(f"{len(night.acknowledged())} writes acknowledged, all found on the {Side(writer)}")


@pytest.mark.skipif(not ROUNDS, reason="a long search; tox -e crash runs it")
def test_connections_that_are_cut_again_and_again_lose_no_write(night):
    with night.client():
        for _ in range(10 * ROUNDS):
            cut_connections(night)
            night.wait_for_writes(3)
    assert night.lost(Side.SOURCE) == []


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
