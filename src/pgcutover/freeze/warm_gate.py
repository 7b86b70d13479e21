"""Runs the stage freeze of the suite in a process that is warm before the freeze.

`start` collects the checks, connects, and reads whatever does not change; `hold` locks the tables
for reading; `judge` asks the questions. No import, collection or sweep of the catalogs is left for
the freeze.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pgcutover.errors import FreezeError, PgCutoverError
from pgcutover.freeze.channel import Channel
from pgcutover.freeze.checker import FreezeState

_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FreezeVerdict:
    """The verdict of the stage freeze: PASS, UNKNOWN or FAIL, and each reason why not PASS."""

    verdict: str
    reasons: tuple[str, ...]


class WarmGate:
    """One run of the stage freeze; errors are FreezeError, after which nothing is proven."""

    def __init__(self, migration: Path, out: Path, environment: Mapping[str, str] | None = None):
        """Keep the paths; `environment` holds the variables with the DSNs."""
        self._migration, self._out = migration, out
        self._environment = dict(os.environ if environment is None else environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None

    def __enter__(self) -> "WarmGate":
        """Return the gate; its process is not started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def start(
        self,
        writer: str = "source",
        reference: Path | None = None,
        timeout_seconds: float = 600.0,
    ) -> None:
        """Start the process and wait until it is warm.

        `writer` is the side that is frozen. `reference` is the folder of the run that passed; no
        definition may have changed since.
        """
        ours, theirs = socket.socketpair()
        self._out.mkdir(parents=True, exist_ok=True)
        with theirs, (self._out / "final-gate.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, without a shell
                [*_COMMAND, f"--migration={self._migration}", f"--out={self._out}",
                 f"--freeze-channel={theirs.fileno()}"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._channel = Channel(ours)
        self._send("warm", writer=writer, reference=str(reference) if reference else None)
        self._receive("ready", timeout_seconds)

    def hold(self, timeout_seconds: float = 5.0) -> None:
        """Lock the tables for reading, so that an ALTER TABLE queued in the freeze waits for it."""
        self._send("hold")
        self._receive("held", timeout_seconds)

    def release(self, timeout_seconds: float = 5.0) -> None:
        """Let go of the locks; without effect if the process has ended, which does that too."""
        try:
            self._send("release")
            self._receive("released", timeout_seconds)
        except FreezeError:
            self.close()

    def judge(self, state: FreezeState, timeout_seconds: float) -> FreezeVerdict:
        """Ask all questions; the evidence is written afterwards, see `wait_for_evidence`."""
        self._send("begin", state=asdict(state))
        message = self._receive("verdict", timeout_seconds)
        return FreezeVerdict(str(message["verdict"]), tuple(map(str, message["reasons"])))

    def wait_for_evidence(self, timeout_seconds: float = 120.0) -> Path:
        """Return the folder of the evidence; FreezeError where it could not be written."""
        self._receive("evidence", timeout_seconds)
        return self._out

    def close(self) -> None:
        """End the process, wherever it is."""
        channel, process = self._channel, self._process
        self._channel = self._process = None
        if channel is not None:
            with suppress(PgCutoverError):
                channel.send("stop")
            channel.close()
        if process is not None:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _send(self, kind: str, **content: Any) -> None:
        try:
            self._open.send(kind, **content)
        except PgCutoverError as error:
            raise self._lost(error) from error

    def _receive(self, kind: str, timeout_seconds: float) -> dict[str, Any]:
        try:
            return self._open.receive(kind, timeout_seconds=timeout_seconds)
        except PgCutoverError as error:
            raise self._lost(error) from error

    @property
    def _open(self) -> Channel:
        if self._channel is None:
            raise PgCutoverError("its process was not started")
        return self._channel

    def _lost(self, error: PgCutoverError) -> FreezeError:
        return FreezeError(f"the final gate gives no verdict: {error}; see {self._out.name}")


_COMMAND = [sys.executable, "-P", "-m", "pytest", "--pyargs", "pgcutover.checks",
            "-p", "no:cacheprovider"]  # fmt: skip
