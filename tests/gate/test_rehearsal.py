"""Test a rehearsal as a user runs it: with faults, interrupted, without a server, kept."""

import os
import re
import signal
import time

import pytest
from support.processes import eventually, running_below


def wait_for(run, process, text, seconds=90.0):
    deadline = time.monotonic() + seconds
    while text not in run.log.read_text():
        assert process.poll() is None, run.log.read_text()
        assert time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.05)


def nothing_left(run):
    assert eventually(lambda: not running_below(run.temporary)), running_below(run.temporary)
    assert eventually(lambda: not list(run.temporary.glob("pgcutover*"))), [
        *run.temporary.iterdir()
    ]


def test_a_sabotaged_rehearsal_fails_and_names_table_key_and_column(rehearsal):
    rehearsal.environment["HTTP_PROXY"] = "http://127.0.0.1:9"  # as behind a company proxy
    outcome = rehearsal.run("-n", "2", "--sabotage", "null-turned-empty")
    assert outcome.code == 1, outcome.text
    assert outcome.red() == {"DATA-ROWS[auth.users]"}
    assert re.search(
        r"auth\.users: 1 row changed on the target in family_name \(NULL became ''\), "
        r"keys [0-9a-f]{16}",
        outcome.text,
    )
    assert outcome.document["migration"]["sabotage"] == "null-turned-empty"
    assert "verdict   FAIL of a REHEARSAL; 1 of" in outcome.text
    assert outcome.text.splitlines()[-1].startswith("REHEARSAL on embedded servers")
    assert (rehearsal.folder / "out" / "signoff.html").exists()
    assert (rehearsal.folder / "out" / "allure.html").exists()
    nothing_left(rehearsal)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGTERM, "listens on port"),
        (signal.SIGINT, "load:"),
        (signal.SIGHUP, "the application writes"),
        (signal.SIGTERM, "load/test_"),
    ],
)
def test_an_interrupted_rehearsal_says_so_and_leaves_nothing(rehearsal, number, moment):
    process = rehearsal.start("-v")
    wait_for(rehearsal, process, moment)
    process.send_signal(number)
    assert process.wait(timeout=60) == 2
    text = rehearsal.log.read_text()
    assert re.search(r"^verdict +UNKNOWN.*; the run was interrupted", text, re.M), text
    for word in ("Traceback", "KeyboardInterrupt", "full-trace"):
        assert word not in text
    nothing_left(rehearsal)


def test_a_killed_rehearsal_leaves_nothing(rehearsal):
    process = rehearsal.start()
    wait_for(rehearsal, process, "the application writes")
    process.kill()
    process.wait()
    nothing_left(rehearsal)


def test_a_server_killed_half_way_is_unknown(rehearsal):
    process = rehearsal.start("-v")
    wait_for(rehearsal, process, "load/test_")
    postmasters = [
        pid
        for pid, line in running_below(rehearsal.temporary).items()
        if "postgres -D" in line and "target" in line
    ]
    assert postmasters
    for pid in postmasters:
        os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=120) == 3, rehearsal.log.read_text()
    text = rehearsal.log.read_text()
    assert "UNKNOWN" in text
    assert not re.search(r"^verdict +PASS", text, re.M)
    nothing_left(rehearsal)


def test_an_unknown_sabotage_names_the_closest(rehearsal):
    outcome = rehearsal.run("--sabotage", "null-turned-emty")
    assert outcome.code == 4
    assert "null-turned-empty" in outcome.text


def test_the_list_of_sabotages(rehearsal):
    outcome = rehearsal.run("--sabotage", "list")
    assert outcome.code == 0
    assert len(outcome.text.splitlines()) >= 8
    assert "null-turned-empty" in outcome.text
