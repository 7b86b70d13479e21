"""Runs a program under a uid that has a name, where the real uid has none, as in containers.

initdb refuses a uid without an entry in the passwd database. In a user namespace of its own, the
real uid can be mapped to one that has an entry; files and signals keep the real one. Standard
library only: it is started by path, isolated.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000


def needs_name(uid: int) -> bool:
    """Tell if the passwd database has no entry for a uid."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return True
    return False


def main(command: list[str]) -> None:
    """Replace this process by the program; exit with one sentence where that is impossible."""
    uid, gid = os.geteuid(), os.getegid()
    named = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not named or ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER):
        sys.exit(
            f"uid {uid} has no entry in /etc/passwd, which initdb needs, and this system allows no "
            "user namespace; add an entry, or run as a user that has one"
        )
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{named[0].pw_uid} {uid} 1")
    (process / "gid_map").write_text(f"{named[0].pw_gid} {gid} 1")
    os.execv(command[0], command)  # noqa: S606 - no shell, our own program


if __name__ == "__main__":
    main(sys.argv[1:])
