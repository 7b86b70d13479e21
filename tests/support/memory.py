"""Put the temporary files of tests into memory if the machine has enough of it.

The test servers do not sync, but creating and dropping a database of several hundred files takes
about ten times as long on a disk (measured on ext4: 0.3 s against 0.02 s).
"""

import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's tmpfs
_NEEDED_BYTES = 6 << 30


def use_memory() -> None:
    """Set TMPDIR to the machine's tmpfs, unless it is set or the tmpfs is small or noexec."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return
    system = os.statvfs(_MEMORY)
    if system.f_bavail * system.f_frsize >= _NEEDED_BYTES and not system.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
