"""Test that an interrupted comparison resumes, and that old snapshots are released."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from compare.lab import SALT, Lab, run

from pgcutover.compare import CompareOptions, Comparer
from pgcutover.compare.scan import chunk_planner, scanner
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.diff import Diff

ROWS = 20_000


@pytest.fixture
def big(own_lab: Lab, monkeypatch) -> Lab:
    monkeypatch.setattr(scanner, "SMALL_ROWS", 50)
    monkeypatch.setattr(chunk_planner, "FIRST_RANGES", 8)
    for dsn, schema in ((own_lab.source, "app"), (own_lab.target, "core")):
        run(
            dsn,
            f"create table {schema}.big (k int primary key, v text)",
            f"insert into {schema}.big select i, 'v' || i from generate_series(1, {ROWS}) i",
            f"analyze {schema}.big",
        )
    return own_lab


class Interrupter:
    """Collect progress, and interrupt the comparison after some chunks."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.news: list[tuple[str, int, int | None, str]] = []
        self.stop_after = stop_after

    def __call__(
        self, table: str, done: int, expected: int | None, state: str, note: str = ""
    ) -> None:
        self.news.append((table, done, expected, state))
        if len(self.news) >= self.stop_after:
            raise KeyboardInterrupt


def compare(
    lab: Lab, folder: Path, watched: Interrupter, *, resume: bool, config: str = "a"
) -> Diff:
    options = {
        "checkpoints": Checkpoints(folder, resume=resume),
        "progress": watched,
        "config_sha256": config,
        "chunk_seconds": 0.001,
    }
    with lab.comparer(**options) as comparer:
        return comparer.rows(lab.table("core.big"))


def test_finished_chunks_are_not_read_again(big: Lab, tmp_path: Path) -> None:
    run(big.target, "update core.big set v = 'x' where k in (3, 19999)")
    with pytest.raises(KeyboardInterrupt):
        compare(big, tmp_path, Interrupter(stop_after=3), resume=False)
    first, second = Interrupter(), Interrupter()
    resumed = compare(big, tmp_path, first, resume=True)
    restarted = compare(big, tmp_path, second, resume=False)
    assert resumed.facts["resumed"]["chunks"] == 3
    assert resumed.facts["resumed"]["oldest_read_at"].startswith("20")
    assert "resumed" not in restarted.facts
    assert len(first.news) < len(second.news)
    for diff in (resumed, restarted):
        assert diff.facts["rows_source"] == ROWS
        assert diff.findings()[0].evidence["count"] == 2


def test_a_whole_table_found_equal_is_not_read_again(big: Lab, tmp_path: Path) -> None:
    for dsn, schema in ((big.source, "app"), (big.target, "core")):
        run(dsn, f"alter table {schema}.big drop constraint big_pkey, add primary key (v)")
    with pytest.raises(KeyboardInterrupt):
        compare(big, tmp_path, Interrupter(stop_after=1), resume=False)
    first = compare(big, tmp_path, Interrupter(), resume=True)
    assert (bool(first), first.facts["read_by"]) == (False, "the whole heap")
    assert "resumed" not in first.facts  # no scan was complete
    second = compare(big, tmp_path, Interrupter(), resume=True)
    assert (second.facts["rows_source"], second.facts["resumed"]["rows"]) == (ROWS, ROWS)
    run(big.target, "update core.big set k = 0 where k = 7")
    assert compare(big, tmp_path, Interrupter(), resume=False)
    third = compare(big, tmp_path, Interrupter(), resume=True)  # it differed, so it is read again
    assert third.findings()[0].evidence["count"] == 1


def test_earlier_differences_are_rechecked(big: Lab, tmp_path: Path) -> None:
    run(big.target, "update core.big set v = 'x' where k = 3")
    with pytest.raises(KeyboardInterrupt):
        compare(big, tmp_path, Interrupter(stop_after=3), resume=False)
    run(big.target, "update core.big set v = 'v3' where k = 3")
    assert not compare(big, tmp_path, Interrupter(), resume=True)


@pytest.mark.parametrize("change", ["config", "column"])
def test_chunks_of_another_configuration_are_read_again(big: Lab, tmp_path: Path, change) -> None:
    with pytest.raises(KeyboardInterrupt):
        compare(big, tmp_path, Interrupter(stop_after=3), resume=False)
    if change == "column":
        run(big.target, "alter table core.big alter v type varchar(90)")
    diff = compare(
        big, tmp_path, Interrupter(), resume=True, config="b" if change == "config" else "a"
    )
    assert "resumed" not in diff.facts
    assert "checkpoints_stale" in diff.facts


CHILD = """
import os, pickle, sys
from pathlib import Path
from pgcutover.compare import Comparer, CompareOptions
from pgcutover.compare.scan import chunk_planner, scanner
from pgcutover.compare.scan.checkpoints import Checkpoints
scanner.SMALL_ROWS, chunk_planner.FIRST_RANGES = 50, 8
def progress(table, done, expected, state, note=""):
    print(done, flush=True)
    if done > 3000:
        sys.stdin.read()  # wait here to be killed
manifest = pickle.loads(Path(sys.argv[1]).read_bytes())
options = CompareOptions(
    salt="s", chunk_seconds=0.001, progress=progress,
    checkpoints=Checkpoints(Path(sys.argv[2]), resume=False), config_sha256="a",
)
comparer = Comparer(os.environ["ONE"], os.environ["OTHER"], manifest, options)
comparer.rows(manifest.target_table("core.big"))
"""


def test_a_killed_run_keeps_its_chunks(big: Lab, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest"
    manifest.write_bytes(pickle.dumps(big.manifest()))
    kept = tmp_path / "kept"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(manifest), str(kept)],
        env={**os.environ, "ONE": big.source, "OTHER": big.target},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    while int(child.stdout.readline()) <= 3000:
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    diff = compare(big, kept, Interrupter(), resume=True)
    assert not diff
    assert diff.facts["rows_source"] == ROWS
    assert diff.facts["resumed"]["rows"] > 3000


def test_no_key_is_written_into_checkpoints(big: Lab, tmp_path: Path) -> None:
    run(big.target, "update core.big set v = 'secret' where k = 12345")
    compare(big, tmp_path, Interrupter(), resume=False)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b'"differing":[[' in content
    assert b"12345" not in content
    assert b"secret" not in content


def test_an_old_snapshot_is_renewed(big: Lab) -> None:
    options = CompareOptions(salt=SALT, chunk_seconds=0.001, snapshot_seconds=0.0, connections=2)
    comparer = Comparer(big.source, big.target, big.manifest(), options)
    try:
        diff = comparer.rows(big.table("core.big"))
    finally:
        comparer.close()
    assert (bool(diff), diff.facts["rows_source"]) == (False, ROWS)
    assert diff.facts["snapshots"] > 2


def test_progress_counts_rows_as_they_are_read(big: Lab, tmp_path: Path) -> None:
    watched = Interrupter()
    compare(big, tmp_path, watched, resume=False)
    assert watched.news[-1] == ("core.big", ROWS, ROWS, "done")
    counts = [done for _, done, _, _ in watched.news]
    assert counts == sorted(counts)
    assert len(counts) > 3
