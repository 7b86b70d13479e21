"""Test that wheel, editable installation and the sdist's wheel hold the same files."""

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_package_of_the_tree_is_listed_and_nothing_else(settings: dict) -> None:
    setuptools = settings["tool"]["setuptools"]
    found = {
        ".".join((name, *marker.parent.relative_to(ROOT / folder).parts))
        for name, folder in setuptools["package-dir"].items()
        for marker in (ROOT / folder).rglob("__init__.py")
    }
    assert setuptools["packages"] == sorted(found)


def test_every_python_file_is_inside_a_listed_package(
    settings: dict, shipped: Iterator[str]
) -> None:
    listed = set(settings["tool"]["setuptools"]["packages"])
    stray = [
        p
        for p in shipped
        if p.endswith(".py") and p.rpartition("/")[0].replace("/", ".") not in listed
    ]
    assert not stray


def test_every_file_of_the_package_folders_is_in_the_wheel(
    wheel: Path, shipped: Iterator[str]
) -> None:
    expected = {*shipped, "pgcutover/migration.toml"}
    assert {name for name in _contents(wheel) if ".dist-info/" not in name} == expected


def test_sdist_builds_the_same_wheel(wheel: Path, wheel_of_sdist: Path) -> None:
    assert _contents(wheel_of_sdist) == _contents(wheel)


def test_editable_installation_shows_the_files_of_the_wheel(
    installed_wheel: object, installed_editable: object, seen: Callable[[object], dict[str, str]]
) -> None:
    from_wheel, from_editable = seen(installed_wheel), seen(installed_editable)
    assert from_wheel.items() <= from_editable.items()
    assert "pgcutover/checks/__init__.py" in from_wheel


def test_files_that_the_migration_file_names_lie_beside_it_in_the_wheel(wheel: Path) -> None:
    names = _contents(wheel)
    named = [f"pgcutover/{path}" for path in _setup_paths(ROOT / "migration.toml")]
    assert "pgcutover/migration.toml" in names
    assert named
    assert not [path for path in named if not any(n.startswith(path) for n in names)]


def _setup_paths(migration: Path) -> list[str]:
    return re.findall(r'"(setup/[^"]+)"', migration.read_text())


def _contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if not name.endswith("/RECORD")
        }
