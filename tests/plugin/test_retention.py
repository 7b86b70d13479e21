"""Test that old runs are removed, except those that may still be needed."""

import json
from pathlib import Path

import pytest

from pgcutover.plugin.run_folder.retention import remove_old_runs


@pytest.fixture
def runs(tmp_path: Path):
    """Return runs(number, ...), which makes the folder of a run and returns it."""

    def make(number: int, name: str = "kgc", rehearsal: bool = False) -> Path:
        folder = tmp_path / f"202601{number:02}T000000Z-{number:x}"
        (folder / "schema").mkdir(parents=True)
        (folder / "schema" / "source.json").write_text("{}")
        migration = {"name": name, "rehearsal": rehearsal}
        (folder / "verdict.json").write_text(json.dumps({"migration": migration}))
        return folder

    return make


def test_only_runs_before_the_last_are_removed(runs):
    made = [runs(number) for number in range(1, 6)]
    assert sorted(remove_old_runs(made[-1], keep=3)) == made[:2]
    assert [run.exists() for run in made] == [False, False, True, True, True]


def test_runs_of_another_migration_and_rehearsals_are_kept(runs):
    other, rehearsal = runs(1, name="other"), runs(2, rehearsal=True)
    old, latest = runs(3), runs(4)
    assert remove_old_runs(latest, keep=1) == [old]
    assert other.exists()
    assert rehearsal.exists()


@pytest.mark.parametrize("name", ["verdict.json.sig", "approved.txt"])
def test_run_to_which_a_file_was_added_is_kept(runs, name):
    signed, latest = runs(1), runs(2)
    (signed / name).write_text("signed")
    assert remove_old_runs(latest, keep=1) == []
    assert signed.exists()


def test_folders_that_are_no_complete_run_are_kept(runs, tmp_path):
    working, foreign = runs(1), tmp_path / "mine"
    (working / "verdict.json").unlink()
    foreign.mkdir()
    (tmp_path / "20260101T000000Z-aa").symlink_to(foreign)
    latest = runs(2)
    assert remove_old_runs(latest, keep=1) == []
    assert working.exists()
    assert (tmp_path / "20260101T000000Z-aa").is_symlink()


def test_folder_that_was_named_is_never_cleaned(runs, tmp_path):
    old, named = runs(1), tmp_path / "named"
    runs(2).rename(named)
    assert remove_old_runs(named, keep=1) == []
    assert old.exists()


def test_gate_keeps_as_many_runs_as_configured(migration):
    with (migration.folder / "migration.toml").open("a") as file:
        file.write("[report]\nkeep_runs = 1\n")
    folders = [f"out/2026010{day}T000000Z-1" for day in (1, 2)]
    for folder in folders:
        assert migration.gate("-n", "0", "--out", folder).code == 0
    assert [(migration.folder / folder).exists() for folder in folders] == [False, True]
    assert (migration.folder / "out" / "latest" / "verdict.json").exists()
