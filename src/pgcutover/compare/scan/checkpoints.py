"""Finished chunks of a comparison on disk, so that an interrupted comparison can be resumed.

Each table has an SQLite file: an entry that says what was compared, then one for each finished
chunk. An entry carries a checksum of itself and all entries before it, so an entry that was torn,
edited or moved ends the list there. A disk error disables checkpointing and never changes a result.
"""

import fcntl
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pgcutover.errors import ConfigError

FORMAT = 2
SYNC_SECONDS = 1.0  # a power cut loses the chunks of this time; a killed process loses none
_FILES = ("", "-wal", "-journal", "-shm")  # of one SQLite database
_SETTINGS = """
pragma locking_mode = exclusive;
pragma journal_mode = wal;
pragma synchronous = normal;
create table if not exists entry (number integer primary key, body text, checksum text);
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A chunk that an earlier run finished, and when it was read."""

    chunk: str
    read_at: datetime
    payload: dict[str, Any]


class Checkpoints:
    """The checkpoints of one migration in one folder; without a folder nothing is recorded."""

    def __init__(self, folder: Path | None, *, resume: bool) -> None:
        """Create the folder; ConfigError where it cannot be written."""
        self._folder, self._resume = folder, resume
        if folder is not None:
            _create_folder(folder)

    @property
    def kept(self) -> int:
        """Return the number of tables that have checkpoints."""
        return len(self._files("*.sqlite"))

    def open(
        self, table: str, report_wait: Callable[[], None] = lambda: None
    ) -> "TableCheckpoints":
        """Return the table's checkpoints, after waiting for another worker that scans the table."""
        if self._folder is None:
            return TableCheckpoints(table, None, None, resume=False)
        path = self._folder / f"{hashlib.sha256(table.encode()).hexdigest()[:40]}.sqlite"
        try:
            lock = _lock(path.with_suffix(".lock"), report_wait)
        except OSError as error:
            opened = TableCheckpoints(table, None, None, resume=False)
            opened.end(error)
            return opened
        return TableCheckpoints(table, path, lock, resume=self._resume)

    def clear(self) -> None:
        """Remove the checkpoints that no other process has open."""
        for path in self._files("*.lock"):
            with suppress(OSError):  # in use or owned by another user: a later run replaces it
                lock = _lock(path, None)
                try:
                    _remove(path.with_suffix(".sqlite"))
                    path.unlink()
                finally:
                    os.close(lock)

    def _files(self, pattern: str) -> list[Path]:
        return sorted(self._folder.glob(pattern)) if self._folder is not None else []


class TableCheckpoints:
    """One table's checkpoints; its methods may be called from any thread.

    `finished` are the chunks of an earlier run, none unless resuming; `stale` says why an earlier
    run's chunks cannot be used; `note` says why checkpointing ended.
    """

    def __init__(self, table: str, path: Path | None, lock: int | None, *, resume: bool) -> None:
        """Keep the lock that the caller holds; `begin` reads the file."""
        self._table, self._path, self._lock, self._resume = table, path, lock, resume
        self._database: sqlite3.Connection | None = None
        self._mutex, self._synced = threading.Lock(), time.monotonic()
        self._number, self._checksum = 0, ""
        self.finished: dict[str, Finished] = {}
        self.note = self.stale = ""

    def begin(self, fingerprint: str) -> None:
        """Read what an earlier run with this fingerprint left, or start with nothing."""
        with self._mutex, self._ending_on_error():
            if self._path is None:
                return
            if not (self._resume and self._read_valid(self._path, fingerprint)):
                self._start_anew(self._path, fingerprint)

    def record(self, chunk: str, payload: Mapping[str, Any]) -> None:
        """Record a finished chunk durably, so that it survives the end of this process."""
        with self._mutex, self._ending_on_error():
            if self._database is None:
                return
            self._append({"chunk": chunk, "read_at": _now(), "payload": dict(payload)})
            if time.monotonic() - self._synced >= SYNC_SECONDS:
                self._database.execute("pragma wal_checkpoint(passive)")
                self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file and release the table; recorded chunks are kept."""
        with self._mutex:
            self._release()

    def end(self, error: Exception) -> None:
        """Stop checkpointing because of an error."""
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self.note = (
            f"{self._table}: checkpoints ended ({reason}); a resumed run reads the rest again"
        )
        self._release()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self.end(error)

    def _read_valid(self, path: Path, fingerprint: str) -> bool:
        """Read the chunks before the first bad entry; False if none can be used."""
        try:
            self._database = _connect(path)
            entries = _read_entries(self._database)
        except sqlite3.DatabaseError:  # not a database, or a damaged one
            return False
        if not entries:
            return False
        header = json.loads(entries[0][0])
        self.stale = _staleness(header, fingerprint)
        if self.stale:
            return False
        self._number, self._checksum = len(entries), entries[-1][1]
        self._database.execute("delete from entry where number >= ?", [self._number])
        for body, _ in entries[1:]:
            chunk = json.loads(body)
            read_at = datetime.fromisoformat(chunk["read_at"])
            self.finished[chunk["chunk"]] = Finished(chunk["chunk"], read_at, chunk["payload"])
        return True

    def _start_anew(self, path: Path, fingerprint: str) -> None:
        if self._database is not None:
            self._database.close()
        _remove(path)
        self._database = _connect(path)
        header = {"format": FORMAT, "table": self._table, "fingerprint": fingerprint}
        self._append({**header, "begun_at": _now()})

    def _append(self, body: Mapping[str, Any]) -> None:
        if self._database is not None:
            text = json.dumps(body, separators=(",", ":"), allow_nan=False)
            checksum = _chain_checksum(self._checksum, text)
            entry = (self._number, text, checksum)
            self._database.execute("insert into entry values (?, ?, ?)", entry)
            self._number, self._checksum = self._number + 1, checksum

    def _release(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
        if self._lock is not None:
            os.close(self._lock)
        self._database = self._lock = None


def _connect(path: Path) -> sqlite3.Connection:
    """Open the database, readable by its owner alone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        database.executescript(_SETTINGS)
    except BaseException:
        database.close()
        raise
    return database


def _read_entries(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return body and checksum of the entries before the first bad one."""
    entries: list[tuple[str, str]] = []
    checksum = ""
    query = "select number, body, checksum from entry order by number"
    for number, body, stored in database.execute(query):
        if number != len(entries) or not isinstance(body, str):
            break
        checksum = _chain_checksum(checksum, body)
        if stored != checksum:
            break
        entries.append((body, checksum))
    return entries


def _chain_checksum(last: str, text: str) -> str:
    return hashlib.sha256(f"{last}{text}".encode()).hexdigest()


def _staleness(header: Mapping[str, Any], fingerprint: str) -> str:
    """Return the reason why an earlier run's chunks cannot be used; '' if they can."""
    if header.get("format") != FORMAT:
        return "its checkpoints have the format of another version"
    if header["fingerprint"] != fingerprint:
        return (
            f"its checkpoints of {header['begun_at']} were taken under another configuration, "
            "suite version or table definition, or of other databases"
        )
    return ""


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch(0o600)
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"checkpoints cannot be written to {folder}: {error.strerror}; set report.directory "
            "to a folder that can be written"
        ) from error


def _lock(path: Path, report_wait: Callable[[], None] | None) -> int:
    """Return a descriptor that holds the lock; BlockingIOError if it is held and must not wait."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _acquire(descriptor, report_wait)
            if _is_at(descriptor, path):  # another process may have cleared the folder meanwhile
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _acquire(descriptor: int, report_wait: Callable[[], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if report_wait is None:
            raise
        report_wait()
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    for suffix in _FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
