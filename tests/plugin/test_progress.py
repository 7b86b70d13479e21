"""Progress reaches the terminal while a check still runs, and --resume what was interrupted."""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

from support.processes import eventually

# tells of progress from inside one check, and stays there until the test has seen it
TELLS = """
import time
from pathlib import Path
import pytest
import pgcutover.plugin.progress_display as progress

progress.TICK_SECONDS = 0.02
progress.PLAIN_SECONDS = {plain}
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if "test_every_row_matches" not in item.name:
        return
    tell = item._request.getfixturevalue("compare_progress")
    kept = item._request.getfixturevalue("compare_checkpoints").open(item.name, "f" * 64)
    if "people" in item.name:
        (HERE / "resumed").write_text(",".join(kept.finished))
    kept.begin({{}})
    kept.record("one chunk", {{}})
    table = "public." + ("people" if "people" in item.name else "visits")
    tell(table, 0, 5_000_000, "reading")
    tell(table, 3_200_000, 5_000_000, "waiting", "replica lag 12 s")
    while "people" in item.name and not (HERE / "go").exists():
        time.sleep(0.01)
    tell(table, 5_000_000, 5_000_000, "{end}")
    kept.close()
"""
# a plugin that writes short lines, as pytest itself does where a worker crashed
TALKS = """
CONFIGS = []


def pytest_configure(config):
    CONFIGS.append(config)


def pytest_runtest_logfinish():
    CONFIGS[0].get_terminal_writer().line(" short")
"""
SHOWN = "public.people  3.2 M of 5.0 M rows  64 %"


def started(migration, stdout, *arguments: str) -> subprocess.Popen:
    ours = ("COLUMNS", "LINES", "CI")
    inherited = {k: v for k, v in os.environ.items() if k not in ours and "PYTEST_" not in k}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--pyargs", "pgcutover.checks", "--out", "x", *arguments],
        cwd=migration.folder,
        env={
            **inherited,
            "TERM": "xterm",
            "TMPDIR": str(migration.folder),  # what a killed run leaves goes with the test
            **migration.environment,
        },
        stdout=stdout,
        stderr=subprocess.STDOUT,
    )


class Screen:
    """As much of a terminal as shows whether lines got in each other's way."""

    def __init__(self, rows: int, columns: int):
        self.rows, self.columns, self.wraps = rows, columns, True
        self.lines: list[list[str]] = [[]]  # all that ever scrolled by, too
        self.top = self.row = self.column = 0
        self.saved = (0, 0)

    def feed(self, text: str) -> None:
        token = re.compile(
            r"\x1b\[\??([\d;]*)([a-zA-Z])|\x1b\]9;[^\x1b\x07]*(?:\x1b\\|\x07)|\x1b.|.", re.S
        )
        for match in token.finditer(text):
            self._take(match[0], match[1] or "", match[2] or "")

    def text(self) -> list[str]:
        return ["".join(line).rstrip() for line in self.lines]

    def _take(self, token: str, number: str, final: str) -> None:
        if final:
            self._control(number, final)
        elif token in ("\n", "\x1bD"):
            self._down()
        elif token == "\x1bM":
            self.row -= 1
        elif token == "\x1bE":
            self._down()
            self.column = 0
        elif token == "\x1b7":
            self.saved = (self.row - self.top, self.column)  # a terminal knows no scrolled line
        elif token == "\x1b8":
            self.row, self.column = self.top + self.saved[0], self.saved[1]
        elif token == "\r":
            self.column = 0
        elif not token.startswith("\x1b"):
            self._put(token)

    def _control(self, number: str, final: str) -> None:
        if final == "J":
            del self.lines[self.row][self.column :]
            self.lines[self.row + 1 :] = [[] for _ in self.lines[self.row + 1 :]]
        elif final == "K":
            assert number == "2"
            self.lines[self.row].clear()
        elif number == "7":
            self.wraps = final == "h"
        else:
            assert final == "m", (number, final)

    def _put(self, character: str) -> None:
        if self.column >= self.columns:
            if not self.wraps:
                return
            self._down()
            self.column = 0
        line = self.lines[self.row]
        line += " " * (self.column - len(line))
        line[self.column : self.column + 1] = [character]
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        self.top = max(self.top, self.row - self.rows + 1)
        if self.row == len(self.lines):
            self.lines.append([])


class Terminal:
    """A gate run in a terminal of its own."""

    def __init__(self, migration, *arguments: str, rows: int = 12, columns: int = 110):
        self.screen, self.raw = Screen(rows, columns), b""
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = started(migration, slave, *arguments)
        os.close(slave)

    def read_until(self, word: str) -> None:
        while not any(word in line for line in self.screen.text()):
            assert self._read(), self.raw.decode(errors="replace")

    def read_to_the_end(self) -> int:
        while self._read():
            pass
        os.close(self.master)
        return self.process.wait(30)

    def _read(self) -> bool:
        try:
            part = os.read(self.master, 65_536)
        except OSError:  # so ends a terminal on Linux
            part = b""
        self.raw += part
        self.screen.feed(part.decode(errors="replace"))
        return bool(part)


def test_a_terminal_shows_one_line_that_is_gone_at_the_end(migration):
    migration.plugin(TELLS.format(plain=30, end="done"))
    terminal = Terminal(migration, "-v", "-n", "2")
    terminal.read_until(SHOWN)
    (shown,) = [line for line in terminal.screen.text() if SHOWN in line]
    assert shown.startswith("tables ")
    (migration.folder / "go").touch()
    assert terminal.read_to_the_end() == 0, terminal.raw.decode()
    left = terminal.screen.text()
    assert not [line for line in left if SHOWN in line or "rows/s" in line]
    assert any(re.fullmatch(r"verdict +PASS", line) for line in left)


def test_a_terminal_keeps_all_that_pytest_wrote_and_nothing_else(migration):
    migration.plugin(TELLS.format(plain=30, end="reading") + TALKS)
    watched = Terminal(migration, "-v")
    watched.read_until(SHOWN)
    (migration.folder / "go").touch()
    assert watched.read_to_the_end() == 0
    migration.environment["TERM"] = "dumb"
    unwatched = Terminal(migration, "-v")
    assert unwatched.read_to_the_end() == 0
    times = r"[\d.]+ ?s\b|\d+T\d+Z-\w+"
    texts = [re.sub(times, "", "\n".join(t.screen.text())) for t in (watched, unwatched)]
    assert texts[0] == texts[1]


def test_without_a_terminal_a_plain_line_now_and_then(migration):
    migration.plugin(TELLS.format(plain=0.05, end="done"))
    log = migration.folder / "log"
    with log.open("wb") as stdout:
        process = started(migration, stdout)
    assert eventually(lambda: SHOWN in log.read_text(), 60), log.read_text()
    (migration.folder / "go").touch()
    assert process.wait(60) == 0, log.read_text()
    lines = [line for line in log.read_text().splitlines() if SHOWN in line]
    shown = rf"\[ *[\d.]+ s\] tables \d of 2, .* \| {SHOWN}  waiting: replica lag 12 s"
    assert re.fullmatch(shown, lines[0])
    assert "\x1b" not in log.read_text()


def test_a_short_run_without_a_terminal_and_without_checkpoints_says_only_that(migration):
    migration.plugin(TELLS.format(plain=30, end="done"))
    (migration.folder / "go").touch()
    outcome = migration.gate("--resume")
    assert outcome.code == 0, outcome.text
    assert "resuming: no checkpoint, so all is read" in outcome.text
    assert "public.people  " not in outcome.text


def kept(migration) -> list[Path]:
    return sorted((migration.folder / "out" / "checkpoints").rglob("*.jsonl"))


def test_checkpoints_outlive_a_killed_run_and_go_with_a_complete_one(migration):
    migration.plugin(TELLS.format(plain=30, end="done"))
    process = started(migration, subprocess.DEVNULL)
    assert eventually(lambda: any(b"one chunk" in f.read_bytes() for f in kept(migration)), 60)
    process.kill()
    process.wait()
    (migration.folder / "go").touch()
    outcome = migration.gate("--resume", "-k", "people")
    assert "resuming: checkpoints found for 1 of 2 tables" in outcome.text
    assert (migration.folder / "resumed").read_text() == "one chunk"
    assert kept(migration)  # a partial run is no end
    outcome = migration.gate()
    assert outcome.code == 0, outcome.text
    assert (migration.folder / "resumed").read_text() == ""
    assert kept(migration) == []


def test_resume_is_refused_in_a_rehearsal(migration):
    outcome = migration.gate("--rehearse", "--resume")
    assert outcome.code == 4
    assert "--resume is for real databases only" in outcome.text
    assert not (migration.folder / "out").exists()


def test_a_folder_without_room_for_checkpoints_is_refused_before_anything_is_read(migration):
    (migration.folder / "out").write_text("a file is in the way")
    outcome = migration.gate()
    assert outcome.code == 4
    assert "set report.directory to a folder that can be written" in outcome.text
    assert "Traceback" not in outcome.text
