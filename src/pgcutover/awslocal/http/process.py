"""Starts and stops the local AWS endpoint as a separate process."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgcutover.errors import ServerError

Progress = Callable[[str], None]
START_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class AwsEndpoint:
    """A running local AWS endpoint."""

    url: str
    pid: int


@contextmanager
def aws_endpoint(run_dir: Path, *, progress: Progress) -> Iterator[AwsEndpoint]:
    """Run the endpoint during the block; it also ends when this process dies in any way."""
    run_dir.mkdir(parents=True, exist_ok=True)
    log_file = run_dir / "aws.log"
    process = _start(run_dir, log_file)
    try:
        url = _url(process, log_file)
        progress(f"local AWS endpoint at {url}")
        yield AwsEndpoint(url, process.pid)
    finally:
        _end(process)


def _start(run_dir: Path, log_file: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "pgcutover.awslocal", "--port", "0"]
    with log_file.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--state-dir", str(run_dir / "aws")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            start_new_session=True,  # the parent handles Ctrl-C; the end of stdin stops the child
        )


def _environment() -> dict[str, str]:
    """Return the environment without the caller's AWS account and libpq defaults."""
    foreign = ("AWS_", "PG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return kept | {k: v for k, v in os.environ.items() if k.startswith("PGCUTOVER_")}


def _url(process: "subprocess.Popen[bytes]", log_file: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if line := _line(process):
            return str(json.loads(line)["url"])
    lines = log_file.read_text("utf-8", "replace").strip().splitlines()
    raise ServerError(
        f"expected the local AWS endpoint to start within {START_SECONDS} s, found "
        f"{lines[-1] if lines else 'no answer'}; see {log_file}"
    )


def _line(process: "subprocess.Popen[bytes]") -> bytes:
    if process.stdout is None or not select.select([process.stdout], [], [], 0.2)[0]:
        return b""
    return process.stdout.readline()


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()
    if process.stdout:
        process.stdout.close()
    for insist in (process.terminate, process.kill):
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            insist()
    process.wait()
