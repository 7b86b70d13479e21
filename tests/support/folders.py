"""Folders for tests: accessible to other accounts, or on a small file system."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgcutover.embedded.tools import install_servers, tools_dir


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder, with spaces in its path, that every account can access."""
    outer = Path(tempfile.mkdtemp(prefix="pgcutover-test-", dir="/tmp"))
    folder = outer / "with two spaces"
    folder.mkdir()
    outer.chmod(0o755)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(outer)


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Callable[[int], Path]]:
    """Return small_disk(megabytes), which mounts an empty file system of that size."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        size = f"size={megabytes}m,mode=0755"
        argv = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(open_folder)]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"this machine lets root mount nothing: {done.stderr.strip()}")
        mounted.append(open_folder)
        return open_folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def cache_copy(folder: Path, *majors: int, uid: int | None = None) -> Iterator[Path]:
    """A cache folder that holds the installed majors, created without a download."""
    install_servers(lambda _: None, majors)
    cache = folder / "cache"
    cache.mkdir()
    for major in majors:
        for home in tools_dir().glob(f"postgresql-{major}-*"):
            shutil.copytree(home, cache / home.name, symlinks=True, copy_function=shutil.copy2)
    if uid is not None:
        os.chown(cache, uid, uid)
    try:
        yield cache
    finally:
        shutil.rmtree(cache, ignore_errors=True)
