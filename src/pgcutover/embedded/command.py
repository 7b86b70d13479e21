"""`pgcutover servers`: start two servers, print how to connect, wait, remove everything."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pgcutover.embedded.connecting import how_to_connect
from pgcutover.embedded.server import ServerSpec, servers

SOURCE_MAJOR = 15
TARGET_MAJOR = 17


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `pgcutover servers`."""
    for side, major in (("source", SOURCE_MAJOR), ("target", TARGET_MAJOR)):
        parser.add_argument(
            f"--{side}-major",
            metavar="N",
            type=int,
            default=major,
            help=f"PostgreSQL major of the {side} (default {major})",
        )
        parser.add_argument(
            f"--{side}-port",
            metavar="PORT",
            type=int,
            default=0,
            help=f"port of the {side} (default: any free one)",
        )
    parser.add_argument(
        "--durable", action="store_true", help="fsync as a real server does; slower"
    )
    parser.add_argument(
        "--run-parent", metavar="DIR", type=Path, help="make the servers' folder in DIR"
    )
    parser.add_argument(
        "--keep", action="store_true", help="return at once and leave the servers running"
    )


def run(args: argparse.Namespace) -> int:
    """Start the pair, wait for SIGINT, SIGTERM or SIGHUP, and return 0 if the servers started."""
    specs = [
        ServerSpec(side, getattr(args, f"{side}_major"), {}, args.durable, _port(args, side))
        for side in ("source", "target")
    ]
    with (
        _signals_as_interrupts(),
        servers(specs, progress=_say, keep=args.keep, run_parent=args.run_parent) as running,
    ):
        if not args.keep:
            _wait(how_to_connect(running.values(), running["source"].run_dir))
    return 0


def _wait(lines: list[str]) -> None:
    try:
        for line in lines:
            _say(line)
        _say("ready; Ctrl-C stops both servers and removes their folder")
        while True:
            signal.pause()
    except KeyboardInterrupt:
        _say("stopping")


def _port(args: argparse.Namespace, side: str) -> int:
    port: int = getattr(args, f"{side}_port")
    return port


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt for each signal that ends a program, so that cleaning up runs.

    SIGINT too: a shell that starts us in the background without job control ignores it for us.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
