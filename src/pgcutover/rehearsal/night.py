"""The night itself: a client writes throughout, and the commands of an operator lead it about.

Each command is the one that a user runs, in a process of its own. The gate's verdict is a
rehearsal's, which opens nothing, so the cutover is made with an override that says so.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from pgcutover.config import Settings
from pgcutover.cutover.journal import Entry, journal_path, read_entries
from pgcutover.errors import PgCutoverError
from pgcutover.rehearsal.night_folder import SECRET, NightFolder, make_night_folder
from pgcutover.rehearsal.settle import OPEN_SET
from pgcutover.rehearsal.stage import Stage
from pgcutover.rehearsal.timeline import (
    Night,
    Passage,
    Write,
    count_lost,
    frozen_seconds,
    longest_gap,
    read_writes,
)

_WRITES_BETWEEN = 50
_CLIENT_SECONDS = 60.0
_POLL_SECONDS = 0.05
_OVERRIDE = (
    "--override-gate", "--who", "the rehearsal", "--ticket", "none",
    "--why", "a rehearsal's verdict opens nothing, and these databases are embedded servers",
)  # fmt: skip


class NightError(PgCutoverError):
    """The night did not end as it should."""


@dataclass(slots=True)
class _Player:
    """Runs the commands of a night and keeps what they did."""

    folder: NightFolder
    record: Path
    say: Callable[[str], None]
    break_at: str = ""
    client: "subprocess.Popen[str] | None" = None
    passages: list[Passage] = field(default_factory=list)

    def run(self, command: str, *options: str) -> None:
        """Run one command to its end; the first one is killed at the step to break at."""
        begun, first = time.monotonic(), len(self._entries())
        step, self.break_at = self.break_at, ""
        if step:
            self._kill(step, command, *options)
        code = self.run_command(command, *options)
        if code:
            raise NightError(f"pgcutover {command} ended with exit code {code}")
        self.wait_for_writes(_WRITES_BETWEEN)
        ended = time.monotonic()
        steps = tuple(
            (entry.step, float(entry.details.get("seconds", 0.0)))
            for entry in self._entries()[first:]
            if entry.kind == "done"
        )
        gap = longest_gap(self.writes(), begun, ended)
        frozen = frozen_seconds(steps)
        seconds = round(ended - begun, 1)
        self.passages.append(Passage(command, seconds, gap, frozen, steps, step))

    def _kill(self, step: str, command: str, *options: str) -> None:
        """Run a command that kills itself in a step, and show what `status` says after it."""
        module = ("pgcutover.rehearsal.killed_command", step)
        code = self._process(command, *module, command, *self._on_migration(options))
        if code != -signal.SIGKILL:
            raise NightError(f"{command} ended with exit code {code} before the step {step!r}")
        self.say(f"night: {command} was killed with SIGKILL in the step {step!r}")
        self.run_command("status")
        self.say(f"night: the same command again: {command}")

    def writes(self) -> list[Write]:
        """Return the writes that the client saw acknowledged."""
        lines = self.record.read_text("ascii").splitlines(keepends=True)
        return read_writes([line for line in lines if line.endswith("\n")])

    def wait_for_writes(self, count: int) -> None:
        """Wait until the client has written so many more rows."""
        wanted, deadline = len(self.writes()) + count, time.monotonic() + _CLIENT_SECONDS
        while len(self.writes()) < wanted:
            if self.client is not None and self.client.poll() is not None:
                raise NightError("the client ended")
            if time.monotonic() > deadline:
                raise NightError(f"the client has written nothing for {_CLIENT_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)

    def run_command(self, command: str, *options: str) -> int:
        """Run a command of pgcutover, and say what it prints; return its exit code."""
        return self._process(command, "pgcutover", command, *self._on_migration(options))

    def _on_migration(self, options: tuple[str, ...]) -> tuple[str, ...]:
        return ("--migration", str(self.folder.migration), *options)

    def _process(self, name: str, *arguments: str) -> int:
        with subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, "-m", *arguments],
            env=_environment(self.folder.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                self.say(f"{name}: {line.rstrip()}")
        return process.returncode

    def settle(self) -> None:
        """Open the ledgers, compare every row, and settle what was written since."""
        migration = str(self.folder.migration)
        if self._process("ledger", "pgcutover.rehearsal.settle", migration):
            raise NightError("the change ledgers could not be opened, or a table differs")

    def open_set(self) -> dict[str, object]:
        """Return the open set of the change ledgers."""
        path = self.folder.migration.with_name(OPEN_SET)
        plain: dict[str, object] = json.loads(path.read_text("utf-8"))
        return plain

    def _entries(self) -> list[Entry]:
        return read_entries(journal_path(self.folder.migration))


def run_night(
    settings: Settings, stage: Stage, smoke: Path, say: Callable[[str], None], break_at: str = ""
) -> Night:
    """Cut over, go back, cut over again and finish; NightError where a command fails.

    `smoke` is the folder of the application's smoke suite.
    """
    begun = time.monotonic()
    folder = make_night_folder(settings, stage, stage.source.run_dir / "night", smoke)
    record = folder.migration.with_name("acknowledged")
    record.touch(0o600)
    player = _Player(folder, record, say, break_at)
    region = settings.mover.dms.region if settings.mover.dms else ""
    with _client(folder, region, record) as (player.client, errors):
        player.wait_for_writes(_WRITES_BETWEEN)
        player.settle()
        player.run("cutover", "--yes", *_OVERRIDE)
        player.run("rollback", "--yes")
        player.run("cutover", "--yes", *_OVERRIDE)
    if code := player.run_command("finish"):
        raise NightError(f"pgcutover finish ended with exit code {code}")
    writes = player.writes()
    lost = count_lost(writes, _tokens(stage))
    seconds = round(time.monotonic() - begun, 1)
    opened = player.open_set()
    return Night(tuple(player.passages), len(writes), lost, len(errors), seconds, opened)


@contextmanager
def _client(
    folder: NightFolder, region: str, record: Path
) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Run the client meanwhile; the list holds what ended it, if anything but its stdin did."""
    process = subprocess.Popen(  # noqa: S603 - our own client
        [sys.executable, "-m", "pgcutover.rehearsal.client", region, SECRET, str(record)],
        env=_environment(folder.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors: list[str] = []
    try:
        yield process, errors
    except NightError as error:
        raise NightError(f"{error}{_end_of(process, errors)}") from error
    _end_of(process, errors)


def _end_of(process: "subprocess.Popen[str]", errors: list[str]) -> str:
    """End the client; return its last words, also as one of the errors, if it failed."""
    _, told = process.communicate()
    if not process.returncode:
        return ""
    errors.append((told or "").strip().rpartition("\n")[2])
    return f"; the client: {errors[-1]}"


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PGCUTOVER_", "AWS_", "PG"))}
    return {**kept, **own}


def _tokens(stage: Stage) -> set[str]:
    query = "select conversation_id::text from public.chat_memory"
    with psycopg.connect(stage.superuser_dsn(stage.target)) as target:
        return {token for (token,) in target.execute(query)}
