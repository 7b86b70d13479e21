"""Test that progress is printed during a check, and that --resume continues a run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from plugin.conftest import GATE
from support.processes import eventually

# reports progress within one check, and waits until the test has read it
REPORTS = """
import time
from pathlib import Path
import pytest
import pgcutover.plugin.progress.progress_display as progress

progress.LINE_SECONDS = {seconds}
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if "test_every_row_matches" not in item.name:
        return
    report = item._request.getfixturevalue("compare_progress")
    kept = item._request.getfixturevalue("compare_checkpoints").open(item.name)
    kept.begin("f" * 64)
    if "people" in item.name:
        (HERE / "resumed").write_text(",".join(kept.finished))
    kept.record("one chunk", {{}})
    table = "public." + ("people" if "people" in item.name else "visits")
    report(table, 0, 5_000_000, "reading")
    report(table, 3_200_000, 5_000_000, "waiting", "replica lag 12 s")
    while "people" in item.name and not (HERE / "go").exists():
        time.sleep(0.01)
    report(table, 5_000_000, 5_000_000, "done")
    kept.close()
"""
SHOWN = "public.people  3.2 M of 5.0 M rows  64 %"


def started(migration, stdout, *arguments: str) -> subprocess.Popen:
    inherited = {k: v for k, v in os.environ.items() if "PYTEST_" not in k}
    return subprocess.Popen(
        [sys.executable, *GATE, "pgcutover.checks", "--out", "x", *arguments],
        cwd=migration.folder,
        env={
            **inherited,
            "TMPDIR": str(migration.folder),  # the killed run's files are removed with the test
            **migration.environment,
        },
        stdout=stdout,
        stderr=subprocess.STDOUT,
    )


def test_a_line_of_progress_is_printed_while_a_check_runs(migration):
    migration.plugin(REPORTS.format(seconds=0.05))
    log = migration.folder / "log"
    with log.open("wb") as stdout:
        process = started(migration, stdout)
    assert eventually(lambda: SHOWN in log.read_text(), 180), log.read_text()
    (migration.folder / "go").touch()
    assert process.wait(60) == 0, log.read_text()
    lines = [line for line in log.read_text().splitlines() if SHOWN in line]
    shown = rf"\[ *[\d.]+ s\] tables \d of 2, .* \| {SHOWN}  waiting: replica lag 12 s"
    assert re.fullmatch(shown, lines[0])
    assert "\x1b" not in log.read_text()


def test_a_short_run_prints_no_progress_and_says_that_it_found_no_checkpoint(migration):
    migration.plugin(REPORTS.format(seconds=30))
    (migration.folder / "go").touch()
    outcome = migration.gate("--resume")
    assert outcome.code == 0, outcome.text
    assert "resuming: no checkpoint, so all is read" in outcome.text
    assert "public.people  " not in outcome.text


def kept(migration) -> list[Path]:
    return sorted((migration.folder / "out" / "checkpoints").rglob("*.sqlite*"))


def test_checkpoints_survive_a_killed_run_and_a_complete_one_removes_them(migration):
    migration.plugin(REPORTS.format(seconds=30))
    process = started(migration, subprocess.DEVNULL)
    assert eventually(lambda: any(b"one chunk" in f.read_bytes() for f in kept(migration)), 180)
    process.kill()
    process.wait()
    (migration.folder / "go").touch()
    outcome = migration.gate("--resume", "-k", "people")
    assert "resuming: checkpoints found for 1 of 2 tables" in outcome.text
    assert (migration.folder / "resumed").read_text() == "one chunk"
    assert kept(migration)  # a partial run does not end it
    outcome = migration.gate()
    assert outcome.code == 0, outcome.text
    assert (migration.folder / "resumed").read_text() == ""
    assert kept(migration) == []


def test_resume_is_refused_in_a_rehearsal(migration):
    outcome = migration.gate("--rehearse", "--resume")
    assert outcome.code == 4
    assert "--resume is for real databases only" in outcome.text
    assert not (migration.folder / "out").exists()


def test_an_unwritable_folder_is_refused_before_any_read(migration):
    (migration.folder / "out").write_text("a file is in the way")
    outcome = migration.gate()
    assert outcome.code == 4
    assert "set report.directory to a folder that can be written" in outcome.text
    assert "Traceback" not in outcome.text
