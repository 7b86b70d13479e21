"""Checkpoints survive a killed process, and never hand out what was torn, changed or outdated."""

import signal
import stat
import subprocess
import sys
import threading
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


def left_by_a_run(folder: Path, chunks=CHUNKS, fingerprint=SAME) -> Path:
    kept = Checkpoints(folder, resume=False).open(TABLE, fingerprint)
    kept.begin({"seed": 7})
    for chunk, payload in chunks:
        kept.record(chunk, payload)
    kept.close()
    (path,) = folder.glob("*.jsonl")
    return path


def resumed(folder: Path, fingerprint=SAME) -> TableCheckpoints:
    return Checkpoints(folder, resume=True).open(TABLE, fingerprint)


def payloads(kept: TableCheckpoints) -> dict:
    return {name: finished.payload for name, finished in kept.finished.items()}


def test_a_resumed_run_gets_every_chunk_its_time_and_the_state(tmp_path):
    left_by_a_run(tmp_path)
    kept = resumed(tmp_path)
    assert payloads(kept) == dict(CHUNKS)
    assert kept.state == {"seed": 7}
    assert (kept.stale, kept.note, kept.complete) == ("", "", False)
    ages = [datetime.now(UTC) - f.read_at for f in kept.finished.values()]
    assert all(timedelta() <= age < timedelta(minutes=5) for age in ages)


def test_a_resumed_run_adds_to_what_it_found(tmp_path):
    left_by_a_run(tmp_path)
    second = resumed(tmp_path)
    second.record("one more", {"rows": 9})
    second.done()
    second.close()
    third = resumed(tmp_path)
    assert payloads(third) == {**dict(CHUNKS), "one more": {"rows": 9}}
    assert third.complete


def test_without_resume_nothing_is_taken_over(tmp_path):
    left_by_a_run(tmp_path)
    kept = Checkpoints(tmp_path, resume=False).open(TABLE, SAME)
    assert (dict(kept.finished), kept.state) == ({}, None)
    kept.begin({"seed": 8})
    kept.close()
    again = resumed(tmp_path)
    assert (dict(again.finished), again.state) == ({}, {"seed": 8})


def test_another_fingerprint_is_stale_says_why_and_is_replaced(tmp_path):
    path = left_by_a_run(tmp_path)
    kept = resumed(tmp_path, OTHER)
    assert (dict(kept.finished), kept.state) == ({}, None)
    assert "configuration" in kept.stale
    kept.begin({"seed": 8})
    kept.record("new", {})
    kept.close()
    assert list(tmp_path.iterdir()) == [path]
    assert b"chunk 1" not in path.read_bytes()
    assert payloads(resumed(tmp_path, OTHER)) == {"new": {}}


def test_a_format_of_another_version_is_stale(tmp_path, monkeypatch):
    left_by_a_run(tmp_path)
    monkeypatch.setattr(module, "FORMAT", 2)
    kept = resumed(tmp_path)
    assert "format of another version" in kept.stale
    assert not kept.finished


def test_a_chunk_before_begin_is_refused(tmp_path):
    kept = resumed(tmp_path)
    with pytest.raises(RuntimeError, match="begin"):
        kept.record("chunk", {})
    kept.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, bytes]:
    path = left_by_a_run(tmp_path_factory.mktemp("whole"))
    return path, path.read_bytes()


def found_in(whole, content: bytes) -> dict:
    path, _ = whole
    path.write_bytes(content)
    kept = resumed(path.parent)
    kept.close()
    return payloads(kept)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_cut_at_any_byte_gives_the_chunks_before_the_cut(whole, data):
    content = whole[1]
    at = data.draw(st.integers(0, len(content)))
    lines = content[:at].count(b"\n")
    assert found_in(whole, content[:at]) == dict(CHUNKS[: max(0, lines - 1)])


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_ends_the_file_at_its_line(whole, data):
    content = bytearray(whole[1])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    lines = whole[1][:at].count(b"\n")
    assert found_in(whole, bytes(content)) == dict(CHUNKS[: max(0, lines - 1)])


def test_a_line_that_is_gone_or_moved_ends_the_file_there(whole):
    lines = whole[1].splitlines(keepends=True)
    assert found_in(whole, b"".join(lines[:2] + lines[3:])) == dict(CHUNKS[:1])
    swapped = [*lines[:2], lines[3], lines[2], *lines[4:]]
    assert found_in(whole, b"".join(swapped)) == dict(CHUNKS[:1])


def test_what_follows_a_torn_line_does_not_come_back(tmp_path):
    path = left_by_a_run(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    kept = resumed(tmp_path)
    kept.record("after", {})
    kept.close()
    assert len(path.read_bytes().splitlines()) == 1 + len(CHUNKS)
    assert payloads(resumed(tmp_path)) == {**dict(CHUNKS[:-1]), "after": {}}


WRITER = """
import sys
from pathlib import Path
from pgcutover.compare.scan.checkpoints import Checkpoints

kept = Checkpoints(Path(sys.argv[1]), resume=False).open("public.people", "a" * 64)
kept.begin({"seed": 7})
for i in range(1_000_000_000):
    kept.record(f"chunk {i}", {"rows": i, "padding": "x" * (i % 5000)})
    print(i, flush=True)
"""


def writer(folder: Path) -> subprocess.Popen:
    argv = [sys.executable, "-c", WRITER, str(folder)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def test_a_killed_run_loses_no_chunk_that_it_had_recorded(tmp_path):
    process = writer(tmp_path)
    for _ in range(50):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = 49 + len(process.stdout.read().splitlines())
    process.wait()
    kept = resumed(tmp_path)
    assert len(kept.finished) in (told + 1, told + 2)  # the last one may have been told to nobody
    assert kept.finished[f"chunk {told}"].payload["rows"] == told


def test_two_processes_never_share_a_file(tmp_path):
    process = writer(tmp_path)
    try:
        process.stdout.readline()
        with pytest.raises(ConfigError, match=r"public\.people: .* in use by another run"):
            resumed(tmp_path)
        Checkpoints(tmp_path, resume=False).clear()
        assert list(tmp_path.glob("*.jsonl"))
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    assert resumed(tmp_path).finished


def test_threads_may_record_at_once(tmp_path):
    kept = Checkpoints(tmp_path, resume=False).open(TABLE, SAME)
    kept.begin({})

    def work(name: int) -> None:
        for i in range(50):
            kept.record(f"{name} {i}", {"i": i})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.close()
    assert len(resumed(tmp_path).finished) == 200


def test_many_small_chunks_are_not_each_forced_to_the_disk(tmp_path, monkeypatch):
    kept = Checkpoints(tmp_path, resume=False).open(TABLE, SAME)
    kept.begin({})
    forced: list[int] = []
    clock = [module.time.monotonic()]
    monkeypatch.setattr(module.os, "fsync", forced.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    for i in range(100):
        kept.record(str(i), {})
    assert forced == []
    clock[0] += module.SYNC_SECONDS
    kept.record("after a second", {})
    assert len(forced) == 1
    kept.done()
    assert len(forced) == 2


def test_only_the_owner_may_read_them(tmp_path):
    path = left_by_a_run(tmp_path / "out" / "checkpoints")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(ConfigError, match=r"cannot be written to .* set report\.directory"):
        Checkpoints(tmp_path / "out" / "checkpoints", resume=False)


def test_a_full_disk_ends_checkpoints_and_nothing_else(small_disk):
    folder = small_disk(1)
    kept = Checkpoints(folder, resume=False).open(TABLE, SAME)
    kept.begin({})
    for i in range(200):
        kept.record(str(i), {"padding": "x" * 10_000})
    assert "public.people: checkpoints ended (No space left on device)" in kept.note
    kept.done()
    kept.close()
    left = resumed(folder)
    left.close()
    names = [*left.finished]
    assert names == [str(i) for i in range(len(names))]
    assert 0 < len(names) < 200


def test_a_path_that_is_no_file_ends_checkpoints_and_nothing_else(tmp_path):
    path = left_by_a_run(tmp_path)
    path.unlink()
    path.mkdir()
    kept = resumed(tmp_path)
    assert "checkpoints ended" in kept.note
    kept.begin({})
    kept.record("chunk", {})
    kept.close()


def test_without_a_folder_nothing_is_kept():
    kept = Checkpoints(None, resume=False).open(TABLE, SAME)
    kept.begin({})
    kept.record("chunk", {})
    kept.done()
    kept.close()
    assert (dict(kept.finished), kept.note, Checkpoints(None, resume=True).kept) == ({}, "", 0)


def test_clear_removes_every_file(tmp_path):
    left_by_a_run(tmp_path)
    kept = Checkpoints(tmp_path, resume=False)
    assert kept.kept == 1
    kept.clear()
    assert list(tmp_path.iterdir()) == []
