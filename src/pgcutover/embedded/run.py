"""The folder, the processes and the guard of one run of servers."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pgcutover.embedded import guard, named_user
from pgcutover.embedded.account import Account, run_parent_for, server_account
from pgcutover.errors import ServerError

Process = subprocess.Popen[bytes]

_PATIENCE_SECONDS = 15


class Run:
    """Folder, processes and guard of a run; the end of the context removes them, unless kept."""

    def __init__(self, parent: Path | None) -> None:
        """Choose a folder below the parent, or a temporary one, and start its guard."""
        self.account: Account | None = server_account()
        folder = run_parent_for(self.account, parent)
        self.folder = folder / f"pgcutover-{secrets.token_hex(6)}"
        self.keep = False
        self._processes: list[Process] = []
        life, self._held_by_all = os.pipe()
        self._guard = _start_guard(self.folder, life)
        os.close(life)

    @property
    def guard_pid(self) -> int:
        """The process whose end stops kept servers."""
        return self._guard.pid

    def __enter__(self) -> Self:
        """Create the folder; the guard, which removes it, already runs."""
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
        """Stop every process and remove the folder, unless they are kept."""
        self._close()

    def make_folder(self, path: Path) -> Path:
        """Create a folder of ours; the servers' account may enter it, not list or write it."""
        path.mkdir(mode=0o700)
        if self.account is not None:
            path.chmod(0o711)
        return path

    def make_data_folder(self, path: Path) -> Path:
        """Create a folder of the servers' account; we write nothing there: it may hold symlinks."""
        path.mkdir(mode=0o700)
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)
        return path

    def write(self, path: Path, content: str | bytes, *, for_server: bool = False) -> Path:
        """Write a file of mode 0600, ours or the servers' account's, in one of our folders."""
        with _open_private(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as handle:
            handle.write(content.encode() if isinstance(content, str) else content)
            if for_server and self.account is not None:
                os.fchown(handle.fileno(), self.account.uid, self.account.gid)
        return path

    def start(self, argv: Sequence[str | Path], log: Path) -> Process:
        """Start a process in the guard's group and under the servers' account."""
        with _open_private(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as output:
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
        """Stop one process: by PostgreSQL's immediate shutdown, then by SIGKILL."""
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
            [*self._named_user(), *(str(part) for part in argv)],
            cwd=self.folder,
            env=_environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=self._guard.pid,
            pass_fds=[self._held_by_all],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def _named_user(self) -> list[str]:
        """Return the command that gives the servers' uid a name, if it has none."""
        uid = self.account.uid if self.account else os.geteuid()
        if sys.platform != "linux" or not named_user.needs_name(uid):
            return []
        return [sys.executable, "-I", "-S", named_user.__file__]

    def _close(self) -> None:
        if self.keep:
            self._tell_guard(guard.KEEP)
            for process in (*self._processes, self._guard):
                process.returncode = 0  # suppresses the warning about a child that is still running
            return
        for process in self._processes:
            process.send_signal(guard.STOP)
        for process in tuple(self._processes):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._tell_guard(guard.DONE)
        self._guard.wait()

    def _tell_guard(self, order: bytes) -> None:
        os.close(self._held_by_all)
        if self._guard.stdin is not None:
            with suppress(BrokenPipeError), self._guard.stdin as pipe:
                pipe.write(order)


def _start_guard(folder: Path, life: int) -> Process:
    # isolated and without site: it starts in 15 ms and needs no package
    return subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", guard.__file__, str(folder), str(life)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
        pass_fds=[life],
    )


def _open_private(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags | os.O_NOFOLLOW, 0o600), "wb")


def _environment(home: Path) -> Mapping[str, str]:
    """Our environment without variables that redirect a server or translate its messages.

    A server is a client too (CREATE SUBSCRIPTION): libpq looks for certificates in HOME.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "HOME": str(home), "LC_MESSAGES": "C", "TZ": "UTC"}
