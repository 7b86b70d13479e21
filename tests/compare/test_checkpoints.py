"""Test that checkpoints survive a killed process, and that damaged or stale ones are not used."""

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgcutover.compare.scan import checkpoints as module
from pgcutover.compare.scan.checkpoints import Checkpoints, TableCheckpoints
from pgcutover.errors import ConfigError

TABLE, SAME, OTHER = "public.people", "a" * 64, "b" * 64
CHUNKS = [(f"chunk {i}", {"hash": str(2**70 + i), "rows": i}) for i in range(5)]


def opened(folder: Path, fingerprint=SAME, *, resume: bool = False) -> TableCheckpoints:
    kept = Checkpoints(folder, resume=resume).open(TABLE)
    kept.begin(fingerprint)
    return kept


def resumed(folder: Path, fingerprint=SAME) -> TableCheckpoints:
    return opened(folder, fingerprint, resume=True)


def left_by_a_run(folder: Path, chunks=CHUNKS, fingerprint=SAME) -> Path:
    with opened(folder, fingerprint) as kept:
        for chunk, payload in chunks:
            kept.record(chunk, payload)
    (path,) = folder.glob("*.sqlite")
    return path


def payloads(kept: TableCheckpoints) -> dict:
    return {name: finished.payload for name, finished in kept.finished.items()}


def found_in(folder: Path) -> dict:
    with resumed(folder) as kept:
        return payloads(kept)


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def test_a_resumed_run_gets_every_chunk_and_its_time(tmp_path):
    left_by_a_run(tmp_path)
    with resumed(tmp_path) as kept:
        assert payloads(kept) == dict(CHUNKS)
        assert (kept.stale, kept.note) == ("", "")
        ages = [datetime.now(UTC) - f.read_at for f in kept.finished.values()]
    assert all(timedelta() <= age < timedelta(minutes=5) for age in ages)


def test_a_resumed_run_appends_to_its_chunks(tmp_path):
    left_by_a_run(tmp_path)
    with resumed(tmp_path) as second:
        second.record("one more", {"rows": 9})
    assert found_in(tmp_path) == {**dict(CHUNKS), "one more": {"rows": 9}}


def test_without_resume_no_checkpoint_is_used(tmp_path):
    left_by_a_run(tmp_path)
    with opened(tmp_path) as kept:
        assert payloads(kept) == {}
    assert found_in(tmp_path) == {}


def test_another_fingerprint_is_stale_with_a_reason_and_replaced(tmp_path):
    path = left_by_a_run(tmp_path)
    with resumed(tmp_path, OTHER) as kept:
        assert payloads(kept) == {}
        assert "configuration" in kept.stale
        kept.record("new", {})
    assert list(tmp_path.glob("*.sqlite*")) == [path]
    assert b"chunk 1" not in path.read_bytes()
    with resumed(tmp_path, OTHER) as kept:
        assert payloads(kept) == {"new": {}}


def test_a_format_of_another_version_is_stale(tmp_path, monkeypatch):
    left_by_a_run(tmp_path)
    monkeypatch.setattr(module, "FORMAT", 99)
    with resumed(tmp_path) as kept:
        assert "format of another version" in kept.stale
        assert not kept.finished


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, bytes]:
    path = left_by_a_run(tmp_path_factory.mktemp("whole"))
    return path, path.read_bytes()


def is_prefix(found: dict) -> bool:
    return list(found.items()) == CHUNKS[: len(found)]


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_truncated_at_any_byte_yields_only_its_first_chunks(whole, data):
    path, content = whole
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert is_prefix(found_in(path.parent))


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_byte_never_changes_a_chunk(whole, data):
    path, original = whole
    content = bytearray(original)
    text = original.index(b'{"format"')  # half of the changes are within the entries
    at = data.draw(st.integers(0, len(content) - 1) | st.integers(text - 600, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    assert is_prefix(found_in(path.parent))


@pytest.mark.parametrize(
    ("statements", "left"),
    [
        (["update entry set body = replace(body, '\"rows\":2', '\"rows\":3')"], 2),
        (["update entry set checksum = upper(checksum) where number = 3"], 2),
        (["update entry set body = cast(body as blob) where number = 3"], 2),
        (["delete from entry where number = 3"], 2),
        (["delete from entry where number = 0"], 0),
        (
            [
                "update entry set number = 100 where number = 3",
                "update entry set number = 3 where number = 4",
                "update entry set number = 4 where number = 100",
            ],
            2,
        ),
        (["insert into entry select number + 5, body, checksum from entry where number = 1"], 5),
        (["drop table entry"], 0),
        (["alter table entry rename to other"], 0),
    ],
)
def test_an_edited_entry_ends_the_list(tmp_path, statements, left):
    edit(left_by_a_run(tmp_path), *statements)
    assert found_in(tmp_path) == dict(CHUNKS[:left])


def test_entries_after_an_edited_entry_are_ignored(tmp_path):
    path = left_by_a_run(tmp_path)
    edit(path, "update entry set body = body || ' ' where number = 5")
    with resumed(tmp_path) as kept:
        kept.record("after", {})
    assert found_in(tmp_path) == {**dict(CHUNKS[:-1]), "after": {}}


@pytest.mark.parametrize("content", [b"", b"no database", b"\0" * 8192])
def test_a_file_that_is_not_a_database_is_replaced(tmp_path, content):
    path = left_by_a_run(tmp_path)
    path.write_bytes(content)
    with resumed(tmp_path) as kept:
        assert (payloads(kept), kept.note) == ({}, "")
        kept.record("new", {})
    assert found_in(tmp_path) == {"new": {}}


WRITER = """
import sys
from pathlib import Path
from pgcutover.compare.scan.checkpoints import Checkpoints

kept = Checkpoints(Path(sys.argv[1]), resume=False).open("public.people")
kept.begin("a" * 64)
for i in range(1_000_000_000):
    kept.record(f"chunk {i}", {"rows": i, "padding": "x" * (i % 5000)})
    print(i, flush=True)
"""


def writer(folder: Path) -> subprocess.Popen:
    argv = [sys.executable, "-c", WRITER, str(folder)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def test_a_killed_run_loses_no_recorded_chunk(tmp_path):
    process = writer(tmp_path)
    for _ in range(50):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    reported = 49 + len(process.stdout.read().splitlines())
    process.wait()
    with resumed(tmp_path) as kept:
        # the last one may be unconfirmed
        assert len(kept.finished) in (reported + 1, reported + 2)
        assert kept.finished[f"chunk {reported}"].payload["rows"] == reported


def test_a_second_process_waits_for_the_first(tmp_path):
    process = writer(tmp_path)
    try:
        process.stdout.readline()
        Checkpoints(tmp_path, resume=False).clear()
        assert list(tmp_path.glob("*.sqlite"))  # in use
        kept = Checkpoints(tmp_path, resume=True).open(TABLE, process.kill)
        assert process.wait(60) == -signal.SIGKILL
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    kept.begin(SAME)
    assert kept.finished
    kept.close()


def test_threads_can_record_concurrently(tmp_path):
    kept = opened(tmp_path)

    def work(name: int) -> None:
        for i in range(50):
            kept.record(f"{name} {i}", {"i": i})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.close()
    assert len(found_in(tmp_path)) == 200


def test_chunks_reach_the_disk_once_a_second(tmp_path, monkeypatch):
    clock = [module.time.monotonic()]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    kept = opened(tmp_path)
    (path,) = tmp_path.glob("*.sqlite")
    for i in range(100):
        kept.record(f"early {i}", {})
    assert b"early" not in path.read_bytes()  # in the write-ahead log alone
    clock[0] += module.SYNC_SECONDS
    kept.record("after a second", {})
    assert b"after a second" in path.read_bytes()
    kept.close()


def test_only_the_owner_may_read_them(tmp_path):
    kept = opened(tmp_path / "out" / "checkpoints")
    kept.record("chunk", {})
    folder = tmp_path / "out" / "checkpoints"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept.close()


def test_an_unwritable_folder_is_refused_at_once(tmp_path):
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(ConfigError, match=r"cannot be written to .* set report\.directory"):
        Checkpoints(tmp_path / "out" / "checkpoints", resume=False)


def test_a_full_disk_disables_only_checkpoints(small_disk):
    folder = small_disk(1)
    kept = opened(folder)
    for i in range(200):
        kept.record(str(i), {"padding": "x" * 10_000})
    assert "public.people: checkpoints ended (database or disk is full)" in kept.note
    kept.record("more", {})
    kept.close()
    names = [*found_in(folder)]
    assert names == [str(i) for i in range(len(names))]
    assert 0 < len(names) < 200


@pytest.mark.parametrize("suffix", [".sqlite", ".lock"])
def test_a_path_that_is_no_file_disables_only_checkpoints(tmp_path, suffix):
    path = left_by_a_run(tmp_path).with_suffix(suffix)
    path.unlink()
    path.mkdir()
    with resumed(tmp_path) as kept:
        assert "checkpoints ended" in kept.note
        kept.record("chunk", {})


def test_without_a_folder_no_checkpoint_is_written():
    kept = Checkpoints(None, resume=False).open(TABLE)
    kept.begin(SAME)
    kept.record("chunk", {})
    kept.close()
    assert (payloads(kept), kept.note, Checkpoints(None, resume=True).kept) == ({}, "", 0)


def test_clear_removes_every_file(tmp_path):
    left_by_a_run(tmp_path)
    kept = Checkpoints(tmp_path, resume=False)
    assert kept.kept == 1
    kept.clear()
    assert list(tmp_path.iterdir()) == []
