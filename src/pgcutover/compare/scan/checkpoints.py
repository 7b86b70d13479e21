"""Finished chunks of a comparison on disk, so that an interrupted one need not start again.

One file a table: a line that says what was compared, then one line a finished chunk. Each line
carries a checksum of itself and all lines before it, so whatever was torn, changed or moved ends
the file there. Nothing here judges: a fault of the disk costs checkpoints, never an answer.
"""

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pgcutover.errors import ConfigError

FORMAT = 1
SYNC_SECONDS = 1.0  # a power cut costs this much; a killed process costs nothing
_SUM = 32  # hexadecimal digits of sha256: chance, not malice, is what the checksum meets
_HEAD = 2 + _SUM + 2  # ["checksum",


@dataclass(frozen=True, slots=True)
class Finished:
    """A chunk that needs no reading, and when it was read."""

    chunk: str
    read_at: datetime
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a file holds up to its first bad line; `size` bytes of it are good."""

    header: dict[str, Any] | None = None
    finished: Mapping[str, Finished] = field(default_factory=dict)
    complete: bool = False
    size: int = 0
    chain: str = ""


class Checkpoints:
    """The checkpoints of one migration in one folder; without a folder none are kept."""

    def __init__(self, folder: Path | None, *, resume: bool) -> None:
        """Make the folder; ConfigError where nothing can be written there."""
        self._folder, self._resume = folder, resume
        if folder is not None:
            _make_folder(folder)

    @property
    def kept(self) -> int:
        """How many tables have a file."""
        return len(self._files())

    def open(self, table: str, fingerprint: str) -> "TableCheckpoints":
        """The table's checkpoints; ConfigError while another process has them open."""
        if self._folder is None:
            return TableCheckpoints(table, fingerprint, None, "")
        path = self._folder / f"{hashlib.sha256(table.encode()).hexdigest()[:40]}.jsonl"
        try:
            descriptor = _open_locked(path)
        except BlockingIOError as error:
            raise ConfigError(
                f"{table}: its checkpoints in {self._folder} are in use by another run; wait for "
                "its end, or set another report.directory"
            ) from error
        except OSError as error:
            return TableCheckpoints(table, fingerprint, None, _ended(table, error))
        return TableCheckpoints(table, fingerprint, descriptor, "", resume=self._resume)

    def clear(self) -> None:
        """Remove what no other run has open."""
        for path in self._files():
            try:
                _remove(path)
            except OSError:  # in use, or not ours to remove: a later run replaces it
                continue

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl")) if self._folder is not None else []


class TableCheckpoints:
    """One table's checkpoints; methods may be called from any thread.

    `finished` and `state` are what an earlier run left, empty unless resuming; `stale` says why
    what it left is worthless; `note` says why checkpointing ended.
    """

    def __init__(
        self,
        table: str,
        fingerprint: str,
        descriptor: int | None,
        note: str,
        *,
        resume: bool = False,
    ) -> None:
        """Take over an open, locked file."""
        self._table, self._fingerprint = table, fingerprint
        self._descriptor, self._begun, self._synced = descriptor, False, time.monotonic()
        self._lock, self._size, self._chain = threading.Lock(), 0, ""
        self.note, self.stale = note, ""
        self._stored = _Stored()
        if resume and descriptor is not None:
            self._take_up(descriptor)

    @property
    def finished(self) -> Mapping[str, Finished]:
        """Chunks of an earlier run by name."""
        return self._stored.finished

    @property
    def state(self) -> dict[str, Any] | None:
        """What `begin` was given by the run that left the chunks."""
        return self._stored.header["state"] if self._stored.header is not None else None

    @property
    def complete(self) -> bool:
        """Whether an earlier run came to this table's end."""
        return self._stored.complete

    def begin(self, state: Mapping[str, Any]) -> None:
        """Start the table anew; whatever the file held is gone."""
        header = {
            "format": FORMAT,
            "table": self._table,
            "fingerprint": self._fingerprint,
            "begun_at": _now(),
            "state": dict(state),
        }
        with self._lock:
            self._stored, self._begun = _Stored(), True
            self._size, self._chain = 0, ""
            self._guarded(lambda descriptor: self._restart(descriptor, header))

    def record(self, chunk: str, payload: Mapping[str, Any]) -> None:
        """Keep a finished chunk; it outlives this process from here on."""
        body = {"chunk": chunk, "read_at": _now(), "payload": dict(payload)}
        self._append_line(body, force=False)

    def done(self) -> None:
        """Say that the table came to its end."""
        self._append_line({"done": _now()}, force=True)

    def close(self) -> None:
        """Let go of the file; what was kept stays."""
        with self._lock:
            self._guarded(os.fsync)
            self._release()

    def __enter__(self) -> Self:
        """Itself; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _take_up(self, descriptor: int) -> None:
        try:
            stored = _read(descriptor)
            self.stale = _staleness(stored, self._fingerprint)
            if not self.stale and stored.header is not None:
                os.ftruncate(descriptor, stored.size)
                self._stored, self._begun = stored, True
                self._size, self._chain = stored.size, stored.chain
        except OSError as error:
            self._end(error)

    def _restart(self, descriptor: int, header: Mapping[str, Any]) -> None:
        os.ftruncate(descriptor, 0)
        self._append(descriptor, header, force=True)

    def _append_line(self, body: Mapping[str, Any], *, force: bool) -> None:
        with self._lock:
            if not self._begun:
                message = f"{self._table}: begin() comes before the first chunk"
                raise RuntimeError(message)
            self._guarded(lambda descriptor: self._append(descriptor, body, force=force))

    def _append(self, descriptor: int, body: Mapping[str, Any], *, force: bool) -> None:
        text = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        chain = _checksum(self._chain, text)
        line = _line(chain, text)
        _write(descriptor, line, self._size)
        self._chain, self._size = chain, self._size + len(line)
        if force or time.monotonic() - self._synced >= SYNC_SECONDS:
            os.fsync(descriptor)
            self._synced = time.monotonic()

    def _guarded(self, act: Callable[[int], None]) -> None:
        """Act on the file while there is one; its failure ends checkpointing and nothing else."""
        if self._descriptor is None:
            return
        try:
            act(self._descriptor)
        except OSError as error:
            self._end(error)

    def _end(self, error: OSError) -> None:
        self.note = _ended(self._table, error)
        self._release()

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _make_folder(folder: Path) -> None:
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


def _remove(path: Path) -> None:
    descriptor = _open_locked(path)
    try:
        path.unlink()
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    """The file's descriptor with a lock that ends with it; BlockingIOError while another's."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):  # `clear` of another run may have removed it meanwhile
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> _Stored:
    """Everything before the first bad line."""
    chain, size, complete = "", 0, False
    header: dict[str, Any] | None = None
    finished: dict[str, Finished] = {}
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as lines:
        for line in lines:
            parsed = _parse(line, chain)
            if parsed is None:
                break
            chain, body = parsed
            size += len(line)
            if header is None:
                header = body
            elif "chunk" in body:
                read_at = datetime.fromisoformat(body["read_at"])
                finished[body["chunk"]] = Finished(body["chunk"], read_at, body["payload"])
            complete = "done" in body
    return _Stored(header, finished, complete, size, chain)


def _parse(line: bytes, chain: str) -> tuple[str, dict[str, Any]] | None:
    """The line's checksum and body; None where it is torn, changed or out of its place."""
    text = line[_HEAD:-2]
    checksum = _checksum(chain, text)
    if line != _line(checksum, text):
        return None
    body: dict[str, Any] = json.loads(text)
    return checksum, body


def _line(checksum: str, text: bytes) -> bytes:
    return b'["%b",%b]\n' % (checksum.encode(), text)


def _staleness(stored: _Stored, fingerprint: str) -> str:
    """Why nothing stored may be used; empty where it may, or where there is nothing."""
    header = stored.header
    if header is None:
        return ""
    if header.get("format") != FORMAT:
        return "its checkpoints have the format of another version"
    if header["fingerprint"] != fingerprint:
        return (
            f"its checkpoints of {header['begun_at']} were taken under another configuration, "
            "suite version or table definition, or of other databases"
        )
    return ""


def _checksum(chain: str, text: bytes) -> str:
    return hashlib.sha256(chain.encode() + text).hexdigest()[:_SUM]


def _write(descriptor: int, line: bytes, offset: int) -> None:
    while line:
        written = os.pwrite(descriptor, line, offset)
        line, offset = line[written:], offset + written


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _ended(table: str, error: OSError) -> str:
    return (
        f"{table}: checkpoints ended ({error.strerror or type(error).__name__}); a resumed run "
        "reads again what came after"
    )
