"""Reasons why a server did not start, in one sentence without secrets."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgcutover.errors import ServerError

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FULL_WORDS = (
    "No space left on device",
    "ENOSPC",
    "Disk quota exceeded",
    "disk full",
    "Check free disk space",  # PostgreSQL's hint where the last block fitted in part
)
# a full disk has no room for the last lines of the log either
_BARELY_FREE_BYTES = 1_000_000
_QUOTED_LINES = 8


def is_disk_full(words: str) -> bool:
    """Check if a program's output says that the disk is full."""
    return any(word in words for word in _DISK_FULL_WORDS)


def is_address_in_use(words: str) -> bool:
    """Check if a server's log says that its port is in use."""
    return "Address already in use" in words


def last_lines(words: str) -> str:
    """Return the end of a log, indented for an error message."""
    lines = [line.rstrip() for line in words.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_QUOTED_LINES:]) or "  (nothing)"


def describe_failure(what: str, words: str, folder: Path) -> ServerError:
    """Return the error for a program that failed."""
    if is_disk_full(words) or _barely_free(folder):
        return disk_full(what, folder)
    return ServerError(f"{what} failed in {folder}; it said last:\n{last_lines(words)}")


def disk_full(what: str, folder: Path) -> ServerError:
    """Return the error for a full disk."""
    return ServerError(
        f"{what} failed: no space left on the disk of {folder}; free some space, "
        "or set TMPDIR (servers' data) or PGCUTOVER_CACHE_DIR (programs) to a folder with room"
    )


@contextmanager
def explain_os_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn an OSError into a ServerError with one sentence."""
    try:
        yield
    except OSError as failure:  # shutil.Error, of copytree, holds its causes as text only
        if failure.errno in _DISK_FULL or is_disk_full(str(failure)):
            raise disk_full(what, folder) from failure
        raise ServerError(f"{what} failed in {folder}: {failure}") from failure


def _barely_free(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _BARELY_FREE_BYTES
    except OSError:
        return False
