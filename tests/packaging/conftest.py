"""The distribution in all its forms, each built once from a copy of the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# the packages' files as a Python process sees them, as {path in the package: sha256}
SEEN = """
import hashlib, importlib, json, sys
from importlib.resources import files
names = json.loads(sys.argv[1])
found = {}
for name in names:
    for entry in files(name).iterdir():
        if entry.is_file():
            path = "/".join((*name.split("."), entry.name))
            found[path] = hashlib.sha256(entry.read_bytes()).hexdigest()
found["pgcutover/migration.toml"] = hashlib.sha256(
    (files("pgcutover.setup").parent / "migration.toml").read_bytes()).hexdigest()
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment with one form of the distribution."""

    folder: Path

    def run(self, *words: str) -> str:
        """Return the output of its Python, run in an empty folder without our environment."""
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        return _output([str(self.folder / "bin" / "python"), *words], empty)


@pytest.fixture(scope="session")
def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def tree(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packaged files, without remains of earlier builds."""
    copy = tmp_path_factory.mktemp("tree")
    for folder in settings["tool"]["setuptools"]["package-dir"].values():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in ("pyproject.toml", "LICENSE", "migration.toml"):
        shutil.copy(ROOT / name, copy)
    (copy / "README.md").write_text("the readme\n")
    return copy


@pytest.fixture(scope="session")
def wheel(tree: Path) -> Path:
    return _build(tree, "wheel")


@pytest.fixture(scope="session")
def wheel_of_sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    unpacked = tmp_path_factory.mktemp("sdist")
    shutil.unpack_archive(_build(tree, "sdist"), unpacked)
    (source,) = unpacked.iterdir()
    return _build(source, "wheel")


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Installed]:
    def unpack(archive: Path) -> Installed:
        folder = tmp_path_factory.mktemp("venv")
        venv.create(folder, with_pip=False, symlinks=True)
        (site,) = folder.glob("lib/python3*/site-packages")
        shutil.unpack_archive(archive, site, "zip")
        # our dependencies, but not our editable install: its .pth file works only in its own folder
        (site / "dependencies.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
        return Installed(folder)

    return unpack


@pytest.fixture(scope="session")
def installed_wheel(wheel: Path, install: Callable[[Path], Installed]) -> Installed:
    return install(wheel)


@pytest.fixture(scope="session")
def installed_editable(tree: Path, install: Callable[[Path], Installed]) -> Installed:
    return install(_build(tree, "editable"))


@pytest.fixture(scope="session")
def seen(settings: dict) -> Callable[[Installed], dict[str, str]]:
    names = json.dumps(settings["tool"]["setuptools"]["packages"])
    return lambda installed: json.loads(installed.run("-c", SEEN, names))


@pytest.fixture
def shipped(settings: dict) -> Iterator[str]:
    """Return every file of the package folders, by its path in the wheel."""
    return (
        "/".join((*name.split("."), path.relative_to(ROOT / folder).as_posix()))
        for name, folder in settings["tool"]["setuptools"]["package-dir"].items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    )


def _build(source: Path, form: str) -> Path:
    """Build without an isolated environment, which takes most of a build's time."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.fail("setuptools is older than 77; install the extra: pip install '.[test]'")
    out = source / "dist" / form
    out.mkdir(parents=True)
    code = f"from setuptools import build_meta as b; b.build_{form}({str(out)!r})"
    _output([sys.executable, "-I", "-c", code], source)
    (built,) = out.iterdir()
    return built


def _output(command: list[str], folder: Path) -> str:
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
