"""The journal of a cutover: append-only lines, each synced to disk before the next step begins.

A line is a JSON object with the SHA-256 of itself and of the line before it, so that an edited,
missing or exchanged line is found. A crash can only leave the last line incomplete; it is ignored,
because the step that wrote it did not go on. Times are for readers: nothing is decided by them.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pgcutover.errors import PgCutoverError
from pgcutover.local_folder import make_local_folder

FILE = "cutover.journal"
_RESERVE = "cutover.reserve"
_RESERVE_BYTES = 65_536
_NO_ROOM = (
    "the journal {} cannot be written: {}; no step goes on without it: make room, then run the "
    "same command again"
)
_FORMAT = 1
_FIRST = "0" * 64


class JournalError(PgCutoverError):
    """The journal cannot be written, or is not the journal of this cutover."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The migration and the two databases that a journal belongs to."""

    migration: str
    source: str
    target: str

    def plain(self) -> dict[str, str]:
        """Return the identity as the first line of the journal holds it."""
        return {"migration": self.migration, "source": self.source, "target": self.target}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: what happened (`kind`), in which step, and details without secrets."""

    number: int
    kind: str
    step: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""


class Journal:
    """An open journal; `entries` are the lines on disk."""

    def __init__(self, path: Path, descriptor: int, entries: list[Entry], last_hash: str) -> None:
        """Keep the open file; use `open_journal`."""
        self.path, self.entries = path, entries
        self._descriptor, self._last_hash = descriptor, last_hash
        self._used_reserve = False

    def append(self, kind: str, step: str = "", **details: object) -> Entry:
        """Write a line and sync it; JournalError leaves the file as it was."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = Entry(len(self.entries), kind, step, details, now)
        line, digest = _line(entry, self._last_hash)
        try:
            self._write(line)
        except OSError as error:
            if not self._release_reserve(error):
                raise JournalError(_NO_ROOM.format(self.path, error.strerror)) from error
            self._write(line)
        self._last_hash = digest
        self.entries.append(entry)
        return entry

    def require_room(self) -> None:
        """Raise JournalError once the disk was full; only the way back uses the reserve."""
        if self._used_reserve:
            raise JournalError(_NO_ROOM.format(self.path, os.strerror(errno.ENOSPC)))

    def _write(self, line: bytes) -> None:
        """Write and sync a line; an error leaves the file as it was."""
        size = os.fstat(self._descriptor).st_size
        try:
            _write_all(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def _release_reserve(self, error: OSError) -> bool:
        """Make room on a full disk, once, so that service can be restored."""
        reserve = self.path.with_name(_RESERVE)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not reserve.exists():
            return False
        reserve.unlink()
        self._used_reserve = True
        return True

    def close(self) -> None:
        """Close the file, and with it the lock on it."""
        os.close(self._descriptor)


def journal_path(migration: Path) -> Path:
    """Return the path of a migration's journal; nothing is created."""
    return migration.parent / ".pgcutover" / FILE


def open_journal(migration: Path, identity: Identity) -> Journal:
    """Open or create the journal of a migration; JournalError where it is another one's."""
    path = make_local_folder(migration.parent) / FILE
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be opened: {error.strerror}") from error
    try:
        _lock(descriptor, path)
        return _load(path, descriptor, identity)
    except BaseException:
        os.close(descriptor)
        raise


def read_entries(path: Path) -> list[Entry]:
    """Return the entries of a journal without opening it for writing; none where it is missing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error
    return [entry for entry, _, _ in _parse(data, path)]


def read_journal(migration: Path, identity: Identity) -> list[Entry]:
    """Return the entries without opening the journal for writing; none where it is missing.

    JournalError where it is another migration's.
    """
    path = journal_path(migration)
    entries = read_entries(path)
    if entries:
        _refuse_foreign(path, entries[0], identity)
    return entries


def _load(path: Path, descriptor: int, identity: Identity) -> Journal:
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    parsed = list(_parse(data, path))
    os.ftruncate(descriptor, parsed[-1][2] if parsed else 0)  # the torn line is removed
    last_hash = parsed[-1][1] if parsed else _FIRST
    journal = Journal(path, descriptor, [entry for entry, _, _ in parsed], last_hash)
    if not parsed:
        journal.append("begin", format=_FORMAT, **identity.plain())
        _sync_folder(path.parent)
    _refuse_foreign(path, journal.entries[0], identity)
    _make_reserve(path.with_name(_RESERVE))
    return journal


def _make_reserve(reserve: Path) -> None:
    """Occupy room for the lines of a way back."""
    try:
        with reserve.open("wb") as stream:
            stream.write(b"\0" * _RESERVE_BYTES)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        reserve.unlink(missing_ok=True)
        raise JournalError(_NO_ROOM.format(reserve, error.strerror)) from error


def _refuse_foreign(path: Path, first: Entry, identity: Identity) -> None:
    found = first.details
    if found.get("format") != _FORMAT:
        raise JournalError(
            f"the journal {path}: expected format {_FORMAT}, found "
            f"{found.get('format')!r}; use the version of pgcutover that wrote it"
        )
    for name, expected in identity.plain().items():
        if found.get(name) != expected:
            raise JournalError(
                f"the journal {path} belongs to another cutover: expected {name} "
                f"{expected!r}, found {found.get(name)!r}; finish that cutover, then move its "
                "journal away"
            )


def _parse(data: bytes, path: Path) -> Iterator[tuple[Entry, str, int]]:
    """Yield each entry, its hash and the offset of its end; the torn last line is left out."""
    last_hash, end = _FIRST, 0
    lines = data.split(b"\n")[:-1]  # what follows the last newline is torn
    for number, line in enumerate(lines):
        end += len(line) + 1
        parsed = _parse_line(line, last_hash, number)
        if parsed is None:
            raise JournalError(
                f"the journal {path}: line {number + 1} does not follow from the lines before it; "
                "somebody changed the file; restore it, or see docs/cutover.md, 'A lost journal'"
            )
        last_hash = parsed[1]
        yield *parsed, end


def _parse_line(line: bytes, last_hash: str, number: int) -> tuple[Entry, str] | None:
    try:
        plain = json.loads(line)
        entry = Entry(plain["number"], plain["kind"], plain["step"], plain["details"], plain["at"])
    except (ValueError, KeyError, TypeError):
        return None
    expected, digest = _line(entry, last_hash)
    return (entry, digest) if (expected, entry.number) == (line + b"\n", number) else None


def _line(entry: Entry, last_hash: str) -> tuple[bytes, str]:
    """Return the line of an entry, and its hash."""
    plain = {
        "number": entry.number,
        "kind": entry.kind,
        "step": entry.step,
        "details": dict(entry.details),
        "at": entry.at,
    }
    body = json.dumps(plain, sort_keys=True)
    digest = hashlib.sha256(f"{last_hash}{body}".encode()).hexdigest()
    return f"{json.dumps({**plain, 'hash': digest}, sort_keys=True)}\n".encode(), digest


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalError(
            f"the journal {path} is in use by another pgcutover on this machine; wait until it "
            "has ended"
        ) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
