"""`pgcutover watch`: runs the stage after again and again, and prints what has changed.

Each round is a run of the suite in a process of its own, so that checks of the user count too.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from pgcutover.config import Settings, load_settings
from pgcutover.exit_codes import ExitCode
from pgcutover.local_folder import make_local_folder
from pgcutover.text.words import count_noun

_COMMAND = [sys.executable, "-P", "-m", "pytest", "--pyargs", "pgcutover.checks",
            "-p", "no:cacheprovider", "--stage=after"]  # fmt: skip
_EVERY_SECONDS = 60.0
_FILE = "after-verdict.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--migration", type=Path, default=Path("migration.toml"), metavar="FILE",
        help="the migration.toml; the journal of the cutover is in .pgcutover beside it",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=float, default=_EVERY_SECONDS, metavar="SECONDS",
        help=f"time between two rounds; {_EVERY_SECONDS:g} by default",
    )  # fmt: skip
    parser.add_argument("--once", action="store_true", help="run one round")
    parser.add_argument("--json", action="store_true", help="print a JSON object a round")
    parser.set_defaults(run=_run)


@dataclass(frozen=True, slots=True)
class Round:
    """The results of one run: verdict and message by identity; `trouble` if there are none."""

    verdict: str
    results: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    trouble: str = ""

    def plain(self) -> dict[str, Any]:
        """Return the round as a JSON object."""
        results = [
            {"result": name, "verdict": verdict, "message": message}
            for name, (verdict, message) in self.results.items()
        ]
        return {"at": _now(), "verdict": self.verdict, "results": results, "trouble": self.trouble}


def changes(before: Round | None, now: Round) -> Iterator[str]:
    """Yield a line for each result that is not as in the round before; all that is not PASS first.

    Without a round before, PASS is what was there.
    """
    known = before.results if before else {}
    if now.trouble and (before is None or before.trouble != now.trouble):
        yield f"no result: {now.trouble}"
    for name, (verdict, message) in now.results.items():
        was = known.get(name, ("PASS", ""))[0]
        if verdict != was:
            yield f"{name} {was} -> {verdict}{f': {message}' if message else ''}"
    if before is None or before.verdict != now.verdict:
        yield f"verdict {now.verdict} of {count_noun(len(now.results), 'result')}"


def run_round(settings: Settings, stopped: threading.Event) -> Round:
    """Run the stage; a run that is stopped, or that has no verdict, is UNKNOWN."""
    folder = make_local_folder(settings.path.parent) / "after"
    folder.mkdir(exist_ok=True)
    (folder / _FILE).unlink(missing_ok=True)
    log = folder / "after.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - ourselves, without a shell
            [*_COMMAND, f"--migration={settings.path}", f"--out={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us alone
        ) as process,
    ):
        _wait(process, stopped)
    return read_round(folder, log)


def read_round(folder: Path, log: Path) -> Round:
    """Return the round that a run has written; its last line where it has not."""
    try:
        document = json.loads((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        lines = log.read_text("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "it printed nothing")
        return Round("UNKNOWN", trouble=f"{last}; see {log}")
    results = {
        f"{r['check_id']}[{r['object']}]": (r["verdict"], r["message"]) for r in document["results"]
    }
    return Round(document["verdict"], results)


def _run(arguments: argparse.Namespace) -> int:
    settings, stopped = load_settings(arguments.migration), threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        last = _watch(settings, stopped, arguments)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return ExitCode[last.verdict] if last else ExitCode.UNKNOWN


def _watch(
    settings: Settings, stopped: threading.Event, arguments: argparse.Namespace
) -> Round | None:
    """Return the last round that was not stopped."""
    last: Round | None = None
    while not stopped.is_set():
        found = run_round(settings, stopped)
        if stopped.is_set():
            break
        _print(last, found, as_json=arguments.json)
        last = found
        if arguments.once:
            break
        stopped.wait(arguments.every)
    return last


def _print(before: Round | None, now: Round, *, as_json: bool) -> None:
    lines: Sequence[str]
    if as_json:
        lines = [json.dumps(now.plain())]
    else:
        lines = [f"{_now()} {line}" for line in changes(before, now)]
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _wait(process: "subprocess.Popen[bytes]", stopped: threading.Event) -> None:
    """Wait for the process; end it where we are stopped."""
    while process.poll() is None:
        if stopped.wait(0.1):
            process.terminate()
            process.wait()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
