"""Counts the transactions that the processes of a run begin on each server.

The throttle subtracts them from those that the server counts, and so finds those of other sessions.
Each process keeps its counts in files of its own, in a folder that all processes of the run read.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

from psycopg import ConnectionInfo

_BYTES = 8


class TransactionCounts:
    """The transactions begun by this process, and by those that share its folder."""

    def __init__(self) -> None:
        """Share nothing yet."""
        self._lock = Lock()
        self._begun: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._folder: Path | None = None

    def share(self, folder: Path) -> None:
        """Publish further counts to the processes that use the same folder."""
        with self._lock:
            self._folder = folder

    def add(self, server: ConnectionInfo) -> None:
        """Count a transaction that begins."""
        key = _key_of(server)
        with self._lock:
            self._begun[key] = self._begun.get(key, 0) + 1
            # without the count another process only takes these transactions for those of others
            with suppress(OSError):
                self._publish(key)

    def total(self, server: ConnectionInfo) -> int:
        """Return the transactions that all processes have begun on a server."""
        key = _key_of(server)
        with self._lock:
            begun, folder = self._begun.get(key, 0), self._folder
        files = folder.glob(f"*.{key}") if folder is not None else ()
        return begun + sum(_read(path) for path in files if path.name != _name(key))

    def _publish(self, key: str) -> None:
        if self._folder is None:
            return
        if key not in self._files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            self._files[key] = os.open(self._folder / _name(key), flags, 0o600)
        os.pwrite(self._files[key], self._begun[key].to_bytes(_BYTES), 0)


COUNTS = TransactionCounts()
"""The counts of this process: connections are opened in many places, one server has one load."""


def _key_of(server: ConnectionInfo) -> str:
    return hashlib.sha256(f"{server.host} {server.port}".encode()).hexdigest()[:16]


def _name(key: str) -> str:
    return f"{os.getpid()}.{key}"


def _read(path: Path) -> int:
    try:
        return int.from_bytes(path.read_bytes()[:_BYTES])
    except OSError:
        return 0
