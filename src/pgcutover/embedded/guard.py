"""A small process that outlives its parent, even after kill -9, and cleans up after it.

It leads the process group in which every server of a run is started, and reads a pipe whose other
end only the parent holds. The end of that pipe means that the parent is gone: the group is
stopped and the run folder removed. Standard library only: it is started by path, isolated.
"""

import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

KEEP = b"keep\n"
DONE = b"done\n"
# PostgreSQL's immediate shutdown: no wait for clients, no checkpoint
STOP = signal.SIGQUIT
_PATIENCE_SECONDS = 10.0


def main(run_dir: Path, life: int) -> None:
    """Wait until the parent is gone, then stop the run's processes and remove its folder.

    With the order KEEP it waits for SIGTERM first; with DONE nothing is left to do.
    `life` is the reading end of a pipe whose writing end every process of the run holds.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    order = sys.stdin.buffer.read()
    if order == DONE:
        return
    if order == KEEP:
        _wait_for_termination()
    group = os.getpgrp()
    if os.fork():  # only a child can leave the group, which must not kill its own killer
        return
    os.setsid()
    _stop_group(group, life)
    _remove(run_dir)


def _remove(folder: Path) -> None:
    """Remove a folder in which a process that ends as well may still write."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


def _wait_for_termination() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an ignored signal cannot be waited for
    signal.sigwait({signal.SIGTERM})


def _stop_group(group: int, life: int) -> None:
    """Stop every process of a group, by SIGKILL after some seconds."""
    for number in (STOP, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM of a group of zombies
            os.killpg(group, number)
        # killpg(group, 0) does not tell: unreaped zombies keep a group alive for ever
        if select.select([life], [], [], _PATIENCE_SECONDS)[0]:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
