"""Progress on its way from a worker to the controller: one file for each process of a run.

A worker cannot send anything to the controller while its check runs, so each process appends to a
file of its own and the controller reads them all.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from pgcutover.progress import State, Status

INTERVAL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RunFolders:
    """The folder of progress and transaction counts, and that of checkpoints, if there is one."""

    progress: str
    checkpoints: str | None
    resume: bool


RUN_FOLDERS = pytest.StashKey[RunFolders]()


class ProgressFile:
    """Appends the progress of one process; a disk error costs progress and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._descriptor: int | None = None
        self._written: dict[str, tuple[float, State, str]] = {}

    def report(
        self,
        table: str,
        rows_done: int,
        rows_expected: int | None,
        state: State,
        note: str = "",
    ) -> None:
        """Append the status, unless only its row count changed within the interval."""
        status = Status(table, rows_done, rows_expected, state, note)
        with self._lock, suppress(OSError):
            if self._is_due(status):
                self._append(json.dumps(asdict(status)).encode() + b"\n")

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _is_due(self, status: Status) -> bool:
        now = time.monotonic()
        at, *last = self._written.get(status.table, (0.0, "", ""))
        if last == [status.state, status.note] and now - at < INTERVAL_SECONDS:
            return False
        self._written[status.table] = (now, status.state, status.note)
        return True

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        os.write(self._descriptor, line)


class ProgressFolder:
    """Reads the progress files of all processes of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def read_new(self) -> Iterator[Status]:
        """Yield each status that was appended since the last call."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with suppress(OSError):
                yield from self._read_file(path)

    def _read_file(self, path: Path) -> Iterator[Status]:
        with path.open("rb") as lines:
            lines.seek(self._read.get(path, 0))
            for line in lines:
                if not line.endswith(b"\n"):  # the process is still writing it
                    return
                self._read[path] = self._read.get(path, 0) + len(line)
                with suppress(ValueError, TypeError):
                    yield Status(**json.loads(line))
