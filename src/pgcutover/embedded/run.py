"""The folder and the processes of one run of servers, and the guard that outlives us."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pgcutover.embedded import guard
from pgcutover.embedded.account import Account, give, run_parent_for, server_account
from pgcutover.errors import ServerError

Process = subprocess.Popen[bytes]

_PATIENCE_SECONDS = 15


class Run:
    """Folder, processes and guard of a run; leaving the context leaves nothing, unless kept."""

    def __init__(self, parent: Path | None) -> None:
        """Name a folder below the parent, or a temporary one, and start its guard."""
        self.account: Account | None = server_account()
        folder = run_parent_for(self.account, parent)
        self.folder = folder / f"pgcutover-{secrets.token_hex(6)}"
        self.keep = False
        self._processes: list[Process] = []
        self._guard = _start_guard(self.folder)

    def __enter__(self) -> Self:
        """Make the folder; the guard, which removes it, was there before."""
        try:
            self.make_folder(self.folder)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop every process and remove the folder, or leave both when they are to be kept."""
        self._close()

    def make_folder(self, path: Path) -> Path:
        """A new folder that only the servers' account, and root, may enter."""
        path.mkdir(mode=0o700)
        give(path, self.account)
        return path

    def write(self, path: Path, content: str | bytes, *, ours: bool = False) -> Path:
        """A new file of mode 0600 for the servers' account, or for us alone."""
        data = content.encode() if isinstance(content, str) else content
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
        if not ours:
            give(path, self.account)
        return path

    def start(self, argv: Sequence[str | Path], log: Path) -> Process:
        """A process in the guard's group, under the servers' account, that writes to the log."""
        with log.open("ab") as output:
            try:
                process = self._spawn(argv, output.fileno())
            except PermissionError as failure:
                raise ServerError(
                    f"cannot execute {argv[0]}: {failure.strerror}; if its disk is mounted noexec, "
                    "set TMPDIR and PGCUTOVER_CACHE_DIR to folders where programs may run"
                ) from failure
        self._processes.append(process)
        return process

    def stop(self, process: Process) -> None:
        """End one process: by PostgreSQL's immediate shutdown, then by force."""
        process.send_signal(guard.STOP)
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._processes.remove(process)

    def _spawn(self, argv: Sequence[str | Path], output: int) -> Process:
        account = self.account
        return subprocess.Popen(  # noqa: S603 - our own installed programs
            [str(part) for part in argv],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=self._guard.pid,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def _close(self) -> None:
        if self.keep:
            self._let_go()
        else:
            for process in self._processes:
                process.send_signal(guard.STOP)
            for process in tuple(self._processes):
                self.stop(process)
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait()

    def _let_go(self) -> None:
        if self._guard.stdin is not None:
            self._guard.stdin.write(guard.KEEP)
            self._guard.stdin.flush()
        for process in self._processes:
            process.returncode = 0  # nobody waits for it any more: no warning about that


def _start_guard(folder: Path) -> Process:
    # isolated and without site: it starts in 15 ms and needs nothing of ours
    return subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", guard.__file__, str(folder)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def _environment() -> Mapping[str, str]:
    """Our environment without what would redirect a server or translate its messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_MESSAGES": "C", "TZ": "UTC"}
