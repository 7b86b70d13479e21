"""The lock that a gate holds from its start to its end: 1 gate of a migration on a machine."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.errors import ConfigError
from pgcutover.local_folder import make_local_folder

_WHERE = ("host", "hostaddr", "port", "dbname", "service")


@contextmanager
def run_lock(migration: Path, name: str, dsns: tuple[str, ...], fallback: Path) -> Iterator[None]:
    """Hold the lock of this migration between these databases; ConfigError while another does.

    It lies beside migration.toml, or in `fallback` where that folder is read-only. The same
    migration between other databases has another lock. The lock ends with its process.
    """
    identity = [name, *map(_database, dsns)]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    descriptor = _open(migration.parent, fallback, f"gate-{digest}.lock")
    try:
        _lock(descriptor, name)
        yield
    finally:
        os.close(descriptor)


def _database(dsn: str) -> list[str | None]:
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.Error:  # connecting will say what is wrong with it
        return []
    return [None if (part := parts.get(key)) is None else str(part) for key in _WHERE]


def _open(parent: Path, fallback: Path, name: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        return os.open(make_local_folder(parent) / name, flags, 0o600)
    try:
        return os.open(fallback / name, flags, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the lock {name} can be written neither to {parent} nor to {fallback}: "
            f"{error.strerror}; make one of them writable"
        ) from error


def _lock(descriptor: int, name: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace") or "not known yet"
        raise ConfigError(
            f"another gate of the migration {name!r} is running on this machine (process "
            f"{holder}); wait until it has ended, or end it"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
