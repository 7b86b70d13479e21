"""Test that an interrupt reaches the command, which shuts down, and no process is left."""

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def traces(ready: Any) -> Any:
    """The two files the waiting command leaves; none at the start."""
    files = [ready.folder / name for name in ("pids", "torn-down")]
    for path in files:
        path.unlink(missing_ok=True)
    return files


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_to_bootstrap_alone_ends_everything(
    ready: Any, traces: list[Path], number: signal.Signals
) -> None:
    process = start(ready, "--wait")
    pids = wait_for_pids(traces[0])
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert traces[1].exists()
    assert not alive(pids)


def test_killed_command_is_no_result_of_a_gate_and_leaves_nothing(
    ready: Any, traces: list[Path]
) -> None:
    process = start(ready, "--wait")
    pids = wait_for_pids(traces[0])
    os.kill(pids[0], signal.SIGKILL)
    assert process.wait(30) == 128 + signal.SIGKILL
    assert not alive(pids)


def test_process_deaf_to_the_interrupt_is_ended(ready: Any, traces: list[Path]) -> None:
    process = start(ready, "--wait", "--deaf")
    pids = wait_for_pids(traces[0])
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert not alive(pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_at_the_terminal_lets_the_teardown_finish(
    ready: Any, traces: list[Path], number: signal.Signals
) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ready.command()[0], ready.command("gate", "--wait"), ready.environment())  # noqa: S606 - no shell is the point
    pids = wait_for_pids(traces[0])
    if number == signal.SIGINT:
        os.write(terminal, b"\x03")
    else:
        os.kill(pid, number)
    with suppress(OSError):  # on Linux this means that no process has the terminal open
        while os.read(terminal, 1024):
            pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + number
    assert traces[1].exists()
    assert not alive(pids)


def test_interrupt_while_installing_leaves_nothing_running(checkout: Any) -> None:
    process = start(checkout)
    eventually((checkout.folder / ".venv" / "pyvenv.cfg").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr is not None
    assert process.stderr.read().splitlines()[-1] == "bootstrap: interrupted"
    assert not running_in(checkout.folder)


def start(checkout: Any, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        checkout.command("gate", *words),
        env=checkout.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_pids(path: Path) -> list[int]:
    eventually(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(word) for word in path.read_text().split()]


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pids: list[int]) -> list[int]:
    running = processes()
    return [pid for pid in pids if pid in running]


def running_in(folder: Path) -> list[str]:
    return [words for words in processes().values() if str(folder) in words]


def processes() -> dict[int, str]:
    """Return the command line of each process except zombies."""
    if not Path("/proc/self/cmdline").exists():
        return listed_by_ps()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
    return {pid: words for pid, words in found.items() if words}


def listed_by_ps() -> dict[int, str]:
    command = ["ps", "-axo", "pid=,stat=,args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return {int(pid): words for pid, state, words in lines if not state.startswith("Z")}
