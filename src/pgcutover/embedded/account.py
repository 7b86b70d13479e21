"""The account of the servers: PostgreSQL refuses root, and others cannot read root's files."""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from pgcutover.errors import ServerError

# root's own TMPDIR may be closed to others; these only hold our private folder
_COMMON_PARENTS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account that servers run under if we are root; None if they run as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account("65534", 65534, 65534)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(path: Path, account: Account | None) -> bool:
    """Check that the account may read and execute the path and enter every folder above it."""
    if account is None:
        return True
    resolved = path.resolve()
    return _grants(resolved, account, 0o5) and all(
        _grants(folder, account, 0o1) for folder in resolved.parents
    )


def run_parent_for(account: Account | None, wanted: Path | None) -> Path:
    """Return the wanted parent of a run folder, else a temporary folder the account can enter."""
    candidates = [wanted] if wanted else _list_parents()
    for folder in candidates:
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and can_reach(folder, account):
            return folder.resolve()
    names = ", ".join(str(folder) for folder in candidates)
    who = account.name if account else "you"
    raise ServerError(
        f"no folder for the servers' data: expected one that {who} can enter, tried {names}; "
        "name such a folder or set TMPDIR to it"
    )


def make_reachable(bin_dir: Path, account: Account | None, copy_to: Path) -> Path:
    """Return a folder whose binaries the account can run: the same, or one linked or copied."""
    if can_reach(bin_dir / "postgres", account):
        return bin_dir
    shutil.copytree(bin_dir.parent, copy_to, symlinks=True, copy_function=_link_or_copy)
    copy_to.chmod(0o755)
    return copy_to / bin_dir.name


def _list_parents() -> list[Path]:
    # not tempfile.gettempdir(), which falls back to the current folder when the disk is full
    chosen = os.environ.get("TMPDIR")
    return [Path(chosen), *_COMMON_PARENTS] if chosen else list(_COMMON_PARENTS)


def _grants(path: Path, account: Account, bits: int) -> bool:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == account.uid:
        mode >>= 6
    elif status.st_gid == account.gid:
        mode >>= 3
    return mode & bits == bits


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)
    return target
