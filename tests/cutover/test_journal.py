"""The journal: torn, edited, foreign, shared, on a full disk, and killed while it is written."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcutover.cutover.journal import Identity, JournalError, journal_path, open_journal
from pgcutover.cutover.journal import read_entries as read

OURS = Identity("kgc", "7001/16384", "7002/16384")


@pytest.fixture
def migration(tmp_path):
    return tmp_path / "migration.toml"


@pytest.fixture
def written(migration):
    journal = open_journal(migration, OURS)
    journal.append("intent", "lock")
    journal.append("done", "lock", position="0/1A2B")
    journal.close()
    return journal_path(migration)


def kinds(path):
    return [entry.kind for entry in read(path)]


def test_every_cut_of_the_last_line_is_tolerated_and_removed(migration, written):
    whole = written.read_bytes()
    complete = whole[: whole.rstrip(b"\n").rindex(b"\n") + 1]
    for size in range(len(complete), len(whole)):
        written.write_bytes(whole[:size])
        assert kinds(written) == ["begin", "intent"]
        journal = open_journal(migration, OURS)
        journal.append("failed", "lock")
        journal.close()
        assert kinds(written) == ["begin", "intent", "failed"]


@settings(max_examples=25)
@given(st.data())
def test_an_edited_line_is_found(tmp_path_factory, data):
    migration = tmp_path_factory.mktemp("edited") / "migration.toml"
    journal = open_journal(migration, OURS)
    for step in ("lock", "drain"):
        journal.append("intent", step)
    journal.close()
    path = journal_path(migration)
    lines = path.read_bytes().splitlines(keepends=True)
    change = data.draw(st.sampled_from(["drop", "repeat", "swap", "edit"]))
    if change == "drop":
        del lines[data.draw(st.integers(0, 1))]
    elif change == "repeat":
        lines.append(lines[-1])
    elif change == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        lines[1] = lines[1].replace(b"lock", b"open")
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match="does not follow from the lines before it"):
        read(path)


@pytest.mark.parametrize(
    "other",
    [
        Identity("other", OURS.source, OURS.target),
        Identity("kgc", "7009/16384", OURS.target),
        Identity("kgc", OURS.source, "7002/5"),
    ],
)
def test_another_cutovers_journal_is_refused(migration, written, other):
    with pytest.raises(JournalError, match="belongs to another cutover: expected"):
        open_journal(migration, other)


def test_a_second_process_on_this_machine_is_refused(migration, written):
    first = open_journal(migration, OURS)
    with pytest.raises(JournalError, match="in use by another pgcutover"):
        open_journal(migration, OURS)
    first.close()
    open_journal(migration, OURS).close()


def test_on_a_full_disk_only_the_way_back_is_recorded(small_disk):
    folder = small_disk(1)
    migration = folder / "migration.toml"
    journal = open_journal(migration, OURS)
    journal.require_room()
    (folder / "filler").write_bytes(b"x" * (os.statvfs(folder).f_bavail - 1) * 4096)
    try:
        for _ in range(40):  # the reserve has room for every step back
            journal.append("done", "unfence writer", filler="x" * 200)
        with pytest.raises(JournalError, match="No space left on device; no step goes on"):
            journal.require_room()
        with pytest.raises(JournalError, match="No space left on device"):
            [journal.append("intent", "lock", filler="x" * 5000) for _ in range(40)]
        before = read(journal_path(migration))
        (folder / "filler").unlink()
        journal.append("intent", "drain")
    finally:
        journal.close()
    steps = [entry.step for entry in read(journal_path(migration))]
    assert steps == [*(entry.step for entry in before), "drain"]


def test_a_file_that_cannot_be_opened_is_one_sentence(migration, written):
    written.unlink()
    written.mkdir()
    with pytest.raises(JournalError, match="cannot be opened: Is a directory"):
        open_journal(migration, OURS)


def test_a_killed_writer_leaves_whole_lines(migration):
    code = (
        "import sys; from pathlib import Path\n"
        "from pgcutover.cutover.journal import *\n"
        "j = open_journal(Path(sys.argv[1]), Identity('kgc', '7001/16384', '7002/16384'))\n"
        "while True: print(j.append('intent', 'lock').number, flush=True)\n"
    )
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(migration)], stdout=subprocess.PIPE, text=True
        )
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        journal = open_journal(migration, OURS)
        assert len(journal.entries) > acknowledged[-1]
        journal.close()
