"""Runs the smoke suite in a process that is warm before the freeze.

The process imports, collects and connects to the old side first, so that the freeze pays only for
the checks themselves.
"""

import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.errors import PgCutoverError
from pgcutover.freeze.channel import Channel
from pgcutover.local_folder import make_local_folder

_COMMAND = [sys.executable, "-P", "-m", "pytest", "--pyargs", "pgcutover.checks",
            "-p", "no:cacheprovider"]  # fmt: skip
_WARM_SECONDS = 60.0
_END_SECONDS = 5.0


@dataclass(slots=True)
class SmokeSuite:
    """One run of the stage smoke at a time, for the migration in `migration`."""

    migration: Path
    _process: "subprocess.Popen[bytes] | None" = None
    _channel: Channel | None = None

    @property
    def folder(self) -> Path:
        """The folder of the log and of smoke-verdict.json."""
        return make_local_folder(self.migration.parent) / "smoke"

    def prepare(self) -> None:
        """Start the process and wait until it is warm; StepError where it cannot begin."""
        self.close()
        self.folder.mkdir(exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs, (self.folder / "smoke.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, without a shell
                [*_COMMAND, f"--migration={self.migration}", f"--out={self.folder}",
                 f"--smoke-channel={theirs.fileno()}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._channel = Channel(ours)
        self._receive("ready", _WARM_SECONDS)

    def run(self, side: Side, seconds: float) -> Mapping[str, object]:
        """Run the checks on the side that clients are sent to; StepError unless all is PASS."""
        if self._channel is None:
            self.prepare()  # after a crash behind the fence
        self._send("begin", side=side.value)
        message = self._receive("verdict", seconds)
        self._channel = None  # the process ends by itself; the freeze does not wait for that
        if message["verdict"] != "PASS":
            reasons = [str(reason) for reason in message["reasons"]]
            raise StepError(f"smoke suite: {message['verdict']}: {'; '.join(reasons[:3])}")
        return {"suite": "PASS"}

    def close(self) -> None:
        """End the process, wherever it is."""
        channel, process = self._channel, self._process
        self._channel = self._process = None
        if channel is not None:
            with suppress(PgCutoverError):
                channel.send("stop")
            channel.close()
        if process is not None:
            _end(process)

    def _send(self, kind: str, **content: str) -> None:
        if self._channel is None:
            raise StepError("smoke suite: its process was not started")
        try:
            self._channel.send(kind, **content)
        except PgCutoverError as error:
            raise self._lost(error) from error

    def _receive(self, kind: str, seconds: float) -> dict[str, Any]:
        if self._channel is None:
            raise StepError("smoke suite: its process was not started")
        try:
            return self._channel.receive(kind, timeout_seconds=seconds)
        except PgCutoverError as error:
            raise self._lost(error) from error

    def _lost(self, error: PgCutoverError) -> StepError:
        return StepError(f"smoke suite: no verdict: {error}; see {self.folder / 'smoke.log'}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
