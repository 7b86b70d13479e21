"""Test that one machine runs one gate of a migration at a time."""

import os
import subprocess
import sys

import pytest
from plugin.conftest import GATE
from support.processes import eventually

from pgcutover.errors import ConfigError
from pgcutover.plugin.run_folder.run_lock import run_lock

WAITS = """
import time
from pathlib import Path
import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    (HERE / "begun").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
"""
DSNS = ("host=a dbname=x password=1", "host=b dbname=x")


@pytest.fixture
def running(migration):
    """Start a gate; gates that start later do not have its plugin."""
    quiet = dict(migration.environment)
    migration.plugin(WAITS)
    process = subprocess.Popen(
        [sys.executable, *GATE, "pgcutover.checks", "--out", "first"],
        cwd=migration.folder,
        env={**os.environ, **migration.environment},
        stdout=subprocess.DEVNULL,
    )
    assert eventually((migration.folder / "begun").exists, seconds=120)
    migration.environment = quiet
    yield process
    process.kill()
    process.wait()


def test_a_second_gate_is_refused_at_its_start(migration, running):
    outcome = migration.gate("-n", "2")
    assert outcome.code == 4
    (line,) = outcome.text.strip().splitlines()
    assert "another gate of the migration 'small' is running on this machine" in line
    assert f"process {running.pid}" in line
    assert outcome.document == {}


def test_a_killed_gate_leaves_no_lock(migration, running):
    running.kill()
    running.wait()
    dsns = (migration.databases.source, migration.databases.target)
    with run_lock(migration.folder / "migration.toml", "small", dsns, migration.folder):
        pass


def test_another_password_is_the_same_migration(tmp_path):
    migration = tmp_path / "migration.toml"
    same = ("host=a dbname=x password=2", DSNS[1])
    with (
        run_lock(migration, "shop", DSNS, tmp_path),
        pytest.raises(ConfigError, match="another gate of the migration 'shop'"),
        run_lock(migration, "shop", same, tmp_path),
    ):
        pass


def test_other_databases_have_another_lock(tmp_path):
    migration = tmp_path / "migration.toml"
    with (
        run_lock(migration, "shop", DSNS, tmp_path),
        run_lock(migration, "shop", DSNS[::-1], tmp_path),
    ):
        assert len([*(tmp_path / ".pgcutover").glob("*.lock")]) == 2


def test_git_ignores_the_folder_of_the_lock(tmp_path):
    with run_lock(tmp_path / "migration.toml", "shop", DSNS, tmp_path):
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
        status = subprocess.run(
            ["git", "-C", tmp_path, "status", "--porcelain"], capture_output=True, check=True
        )
    assert status.stdout == b""


def test_the_second_folder_is_used_if_the_first_is_a_file(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".pgcutover").write_text("a file is in the way")
    with run_lock(tmp_path / "here" / "migration.toml", "shop", DSNS, tmp_path):
        assert len([*tmp_path.glob("gate-*.lock")]) == 1
