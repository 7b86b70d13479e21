"""A small process that outlives its parent, even after kill -9, and clears up behind it.

It leads the process group in which every server of a run is started, and reads a pipe whose other
end only the parent holds. The end of that pipe means that the parent is gone: the group is
stopped and the run folder removed. Standard library only: it is started by path, isolated.
"""

import os
import select
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

KEEP = b"keep\n"
DONE = b"done\n"
# PostgreSQL's immediate shutdown: nobody waits for clients, and nothing is worth a checkpoint
STOP = signal.SIGQUIT
_PATIENCE_SECONDS = 10.0


def main(run_dir: Path, life: int) -> None:
    """Wait until the parent is gone, then leave nothing of its run behind.

    Told to keep, it waits for SIGTERM first; told that all is done, it has nothing to do.
    Life is the reading end of a pipe whose writing end every process of the run holds.
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
    shutil.rmtree(run_dir, ignore_errors=True)


def _wait_for_termination() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an ignored signal cannot be waited for
    signal.sigwait({signal.SIGTERM})


def _stop_group(group: int, life: int) -> None:
    """Stop every process of a group, by force when it does not obey."""
    for number in (STOP, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM of a group of zombies
            os.killpg(group, number)
        # not by asking for the group: where nobody reaps orphans, zombies keep it alive for ever
        if select.select([life], [], [], _PATIENCE_SECONDS)[0]:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
