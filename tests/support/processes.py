"""The processes of this machine, and programs started as a user starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = [sys.executable, "-m", "pgcutover", "servers"]


def command_lines() -> dict[int, str]:
    """Return the command line of every process by pid; zombies have none."""
    if not Path("/proc/self").exists():
        listed = subprocess.run(["ps", "-Axo", "pid=,args="], capture_output=True, text=True)
        rows = (line.split(maxsplit=1) for line in listed.stdout.splitlines())
        return {int(row[0]): row[1] for row in rows if len(row) == 2}
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line:
            found[int(entry.name)] = line
    return found


def running_below(folder: Path) -> dict[int, str]:
    """Return the processes whose command line contains the folder."""
    return {pid: line for pid, line in command_lines().items() if str(folder) in line}


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    """Return true if the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True, slots=True)
class Command:
    """A running `pgcutover servers` with all its files below its own folder."""

    process: subprocess.Popen[str]
    parent: Path

    def read_until(self, word: str) -> list[str]:
        """Return the lines of output up to the one with the word; fail at the end of output."""
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip())
            if word in line:
                return lines
        message = f"{word!r} never came; it printed {lines}"
        raise AssertionError(message)

    def leaves_nothing(self) -> bool:
        """Return true if soon none of its processes runs and its folder is empty."""
        return eventually(lambda: not self.remains())

    def remains(self) -> list[object]:
        return [*running_below(self.parent).values(), *self.parent.iterdir()]


@contextmanager
def servers_command(
    parent: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    prefix: tuple[str, ...] = (),
) -> Iterator[Command]:
    """`pgcutover servers` in its own session; its servers are below the parent."""
    process = subprocess.Popen(
        [*prefix, *COMMAND, *options],
        env={**os.environ, "TMPDIR": str(parent), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield Command(process, parent)
    finally:
        process.stdout.close()
        _end(process)


def run_servers_command(*options: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Return the exit code and output of a `pgcutover servers` that exits by itself."""
    done = subprocess.run(
        [*COMMAND, *options],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
