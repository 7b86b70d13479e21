"""Finds the secret for key hashes: an environment variable, or a file beside migration.toml."""

import os
import secrets
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from pgcutover.errors import ConfigError
from pgcutover.key_hash.hashing import KeySecret
from pgcutover.local_folder import NAME, make_local_folder

VARIABLE = "PGCUTOVER_KEY_SECRET"
FILE = "secret"
_LEAST_CHARACTERS = 32  # keys are often small numbers, so a short secret could be guessed


def find_secret(migration: Path, *, create: bool) -> KeySecret:
    """Return the secret of a migration; ConfigError where it is not safe, or missing.

    A missing file is created where `create` is set.
    """
    if text := os.environ.get(VARIABLE):
        return _secret(text, f"the environment variable {VARIABLE}")
    path = migration.resolve().parent / NAME / FILE
    if create:
        _create(path)
    return _secret(_read(path), str(path))


def _secret(text: str, place: str) -> KeySecret:
    value = text.strip()
    if len(value) < _LEAST_CHARACTERS:
        raise ConfigError(
            f"key secret in {place}: expected at least {_LEAST_CHARACTERS} characters, found "
            f"{len(value)}; make one with: openssl rand -hex 32"
        )
    return KeySecret(value.encode(), place)


def _create(path: Path) -> None:
    """Create the secret in a folder that git ignores, unless it exists."""
    try:
        make_local_folder(path.parent.parent)
        if not path.is_symlink() and not path.exists():
            _write_new(path)
    except OSError as error:
        raise ConfigError(
            f"cannot create {path}: {error.strerror}; set {VARIABLE} to at least "
            f"{_LEAST_CHARACTERS} random characters instead"
        ) from error


def _write_new(path: Path) -> None:
    """Write the file whole before it gets its name: another run may create it at the same time."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, encoding="ascii") as stream:
            _refuse_readable_by_others(path, os.fstat(stream.fileno()))
            _refuse_tracked(path)
            return stream.read()
    except OSError as error:
        raise ConfigError(
            f"key secret: {path}: {error.strerror}; restore the file, or set {VARIABLE}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"key secret in {path}: expected ASCII text; make one with: openssl rand -hex 32"
        ) from error


def _refuse_readable_by_others(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"key secret in {path}: expected a file of this user, found one of user "
            f"{status.st_uid}; remove it or set {VARIABLE}"
        )
    if mode & 0o077:
        raise ConfigError(
            f"key secret in {path}: expected mode 0600, found {mode:04o}, which lets other users "
            f"read it; replace the secret: rm {path}"
        )


def _refuse_tracked(path: Path) -> None:
    """ConfigError where git tracks the file; a machine without git cannot push it."""
    command = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    command += ["-C", str(path.parent), "ls-files", "--error-unmatch", "--", path.name]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git itself
    except OSError:
        return
    if done.returncode == 0:
        raise ConfigError(
            f"key secret in {path}: git tracks this file, so whoever can read the repository can "
            f"trace key hashes to rows; run: git rm --cached {path}, then replace the secret: "
            f"rm {path}"
        )
