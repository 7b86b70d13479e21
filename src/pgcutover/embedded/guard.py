"""A small process that outlives its parent, even after kill -9, and clears up behind it.

It leads the process group in which every server of a run is started, and reads a pipe whose other
end only the parent holds. The end of that pipe means that the parent is gone: the group is
stopped and the run folder removed. Standard library only: it is started by path, isolated.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

KEEP = b"keep\n"
DONE = b"done\n"
# PostgreSQL's immediate shutdown: nobody waits for clients, and nothing is worth a checkpoint
STOP = signal.SIGQUIT
_PATIENCE_SECONDS = 10.0


def main(run_dir: Path) -> None:
    """Wait until the parent is gone, then leave nothing of its run behind.

    Told to keep, it waits for SIGTERM first; told that all is done, it has nothing to do.
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
    stop_group(group)
    shutil.rmtree(run_dir, ignore_errors=True)


def _wait_for_termination() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an ignored signal cannot be waited for
    signal.sigwait({signal.SIGTERM})


def stop_group(group: int) -> None:
    """Stop every process of a group, by force when it does not obey."""
    for number in (STOP, signal.SIGKILL):
        if _signalled_until_gone(group, number):
            return


def _signalled_until_gone(group: int, number: signal.Signals) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        os.killpg(group, number)
        while time.monotonic() < deadline:
            time.sleep(0.02)
            os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        return True
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
