"""Runs hooks: a command or an HTTP call, with a time limit, retries and a bare environment.

A hook's children are killed with it, unless they make a session of their own (setsid). A hook
that outlived a killed pgcutover is ended before any other one starts: it holds the lock file
through an inherited descriptor, and the file names its process group.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pgcutover.config import Hook
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.local_folder import make_local_folder

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
_LOCK = "hook.lock"
_PAUSE_SECONDS = 0.2
_ORPHAN_SECONDS = 5.0


class HookFailedError(StepError):
    """A hook failed; `code` is its exit code, or None if it did not end by itself."""

    def __init__(self, message: str, code: int | None = None) -> None:
        """Keep the exit code."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class HookRunner:
    """Runs the hooks of one migration from the folder of its migration.toml."""

    migration: str
    folder: Path
    clock: Callable[[], float] = time.monotonic
    lock: str = _LOCK

    def run(
        self, name: str, hook: Hook, side: Side, deadline: float | None = None, slot: str = ""
    ) -> None:
        """Run a hook until it succeeds; StepError once no try is left or `deadline` is reached."""
        with suppress(FileNotFoundError):
            end_orphan(self.folder, self.lock)
        names = {"STEP": name, "SIDE": side.value, "MIGRATION": self.migration, "SLOT": slot}
        for remaining in range(hook.retries, -1, -1):
            try:
                self._try(hook, names, deadline)
            except HookFailedError as error:
                if not remaining or self._seconds(hook, deadline) <= _PAUSE_SECONDS:
                    message = f"hook {name}: {error}; its output is in {self._log(name)}"
                    raise HookFailedError(message, error.code) from error
            else:
                return
            time.sleep(_PAUSE_SECONDS)

    def problem(self, name: str, hook: Hook | None) -> str:
        """Return why a hook cannot be started; '' if it can, or if there is none."""
        if hook is None or not hook.command:
            return ""
        program = hook.command[0]
        path = str(self.folder / program) if os.sep in program else program
        if shutil.which(path) is None:
            return f"hook {name}: {program} is not an executable file; correct its path or mode"
        return ""

    def _try(self, hook: Hook, names: Mapping[str, str], deadline: float | None) -> None:
        """Run a hook once; HookFailedError if it failed."""
        seconds = self._seconds(hook, deadline)
        if seconds <= 0:
            raise HookFailedError("no time is left for it in the freeze budget")
        with self._log(names["STEP"]).open("wb") as output, _locked(self.folder, self.lock) as lock:
            process = self._start(hook, names, output.fileno(), lock)
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired as error:
                message = f"did not end within {seconds:.1f} s and was killed"
                raise HookFailedError(message) from error
            finally:
                _kill_group(process.pid)
                process.wait()
        if code:
            raise HookFailedError(f"ended with exit code {code}", code)

    def _start(
        self, hook: Hook, names: Mapping[str, str], output: int, lock: int
    ) -> "subprocess.Popen[bytes]":
        try:
            process = subprocess.Popen(  # noqa: S603 - the command of migration.toml
                _command(hook),
                cwd=self.folder,
                env=environment(hook, names),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                # by the child: this process may be killed at any moment after the fork
                preexec_fn=lambda: os.pwrite(lock, str(os.getpid()).encode(), 0),
                start_new_session=True,
            )
        except OSError as error:
            raise StepError(f"hook: {hook.command[0]} cannot start: {error.strerror}") from error
        if process.stdin is not None:
            body = {name.lower(): value for name, value in names.items() if value}
            with suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(json.dumps({"url": hook.url, "body": body}).encode())
        return process

    def _seconds(self, hook: Hook, deadline: float | None) -> float:
        """Return the longest time of a try."""
        if deadline is None:
            return hook.timeout_seconds
        return min(hook.timeout_seconds, deadline - self.clock())

    def _log(self, name: str) -> Path:
        folder = make_local_folder(self.folder) / "hooks"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{name}.log"


def environment(hook: Hook, names: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a hook: what it asked for, and nothing that may be a secret."""
    kept = {name: os.environ[name] for name in (*_INHERITED, *hook.pass_env) if name in os.environ}
    return kept | {f"PGCUTOVER_{name}": value for name, value in names.items() if value}


def end_orphan(folder: Path, lock: str = _LOCK) -> None:
    """Kill the hook of an earlier pgcutover that is still running, and wait for its end."""
    path = make_local_folder(folder) / lock
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while not _is_free(descriptor):
            # the lock is held, so the group in the file is the hook's, or has left a daemon behind
            group = int(os.pread(descriptor, 20, 0) or 0)
            if group and not _kill_group(group):
                break
            if time.monotonic() > deadline:
                raise StepError(f"an earlier hook cannot be ended; end what holds {path}")
            time.sleep(0.02)
    finally:
        os.close(descriptor)


def _command(hook: Hook) -> Sequence[str]:
    return hook.command or (sys.executable, "-P", "-m", "pgcutover.cutover.hooks.http_call")


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[int]:
    """Hold the lock of a new lock file, which the hook inherits."""
    path = make_local_folder(folder) / name
    path.unlink(missing_ok=True)  # a daemon that an earlier hook started may hold the old one's
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kill_group(pid: int) -> bool:
    """Kill a process group; return False if it has no process."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
