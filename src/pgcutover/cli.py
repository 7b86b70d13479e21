"""The command `pgcutover`. Its gate and rehearse run `pytest --pyargs pgcutover.checks`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pgcutover import __version__
from pgcutover.error_texts.crash import describe_crash
from pgcutover.exit_codes import SIGNAL_BASE, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code; an error is one sentence."""
    try:
        parser = _parser()
        arguments, rest = parser.parse_known_args(argv)
        if rest and arguments.run is not _run_checks:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        arguments.rest = rest
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return SIGNAL_BASE + signal.SIGINT
    except Exception as error:
        sys.stderr.write(f"pgcutover: {describe_crash(error)}\n")
        return ExitCode.UNKNOWN
    return code


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong call as the gate does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")


_RUNS: tuple[tuple[str, str, list[str]], ...] = (
    (
        "rehearse",
        "run a demo migration on embedded servers, judge it, and cut over, back and over again",
        ["--rehearse", "--stop-after", "night"],
    ),
    ("gate", "judge the databases that migration.toml names", []),
)
_EPILOG = "All further arguments are passed to pytest; docs/options.md lists the options of a run."


def _run_checks(arguments: argparse.Namespace) -> int:
    # pytest must be the first to import pgcutover, or it cannot rewrite the asserts of the checks
    pytest = [sys.executable, "-P", "-m", "pytest", "--pyargs", "pgcutover.checks"]
    usual = ["-n", "2", "-p", "no:cacheprovider"]
    os.execv(sys.executable, [*pytest, *usual, *arguments.options, *arguments.rest])  # noqa: S606 - no shell


def _parser() -> argparse.ArgumentParser:
    from pgcutover.after import watch as watch_command
    from pgcutover.checking import docs_pages
    from pgcutover.cutover import command as cutover_command
    from pgcutover.embedded import command
    from pgcutover.ledger import command as ledger_command
    from pgcutover.outbox import command as outbox_command
    from pgcutover.reveal import command as reveal_command
    from pgcutover.schema import cli as schema_command

    parser = _Parser(prog="pgcutover", description="Gate a PostgreSQL migration.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary, options in _RUNS:
        run = commands.add_parser(name, help=summary, description=summary, epilog=_EPILOG)
        run.set_defaults(run=_run_checks, options=options)
    servers = commands.add_parser("servers", help="start two PostgreSQL servers and wait")
    command.add_arguments(servers)
    servers.set_defaults(run=command.run)
    schema = commands.add_parser("schema", help="compare schemas, and print the SQL that fixes one")
    schema_command.add_arguments(schema)
    reveal = commands.add_parser("reveal", help="show the row behind a key hash of a run")
    reveal_command.add_arguments(reveal)
    reveal.set_defaults(run=reveal_command.run)
    ledger = commands.add_parser("ledger", help="record changed keys on both sides, and settle")
    ledger_command.add_arguments(ledger)
    outbox = commands.add_parser("outbox", help="capture changes by triggers, and relay them")
    outbox_command.add_arguments(outbox)
    cutover_command.add_commands(commands)
    watch = commands.add_parser("watch", help="judge the side that a cutover has opened, for hours")
    watch_command.add_arguments(watch)
    pages = commands.add_parser("pages", help="print a generated page of docs/, or write all")
    chosen = pages.add_mutually_exclusive_group(required=True)
    chosen.add_argument("page", nargs="?", choices=sorted(docs_pages.FILES))
    chosen.add_argument("--write", action="store_true", help="write all, in a checkout")
    pages.set_defaults(run=_make_pages)
    return parser


def _make_pages(arguments: argparse.Namespace) -> int:
    from pgcutover.checking import docs_pages

    if not arguments.write:
        sys.stdout.write(docs_pages.page(arguments.page))
        return 0
    for path in docs_pages.write_pages(Path.cwd()):
        sys.stdout.write(f"wrote {path}\n")
    return 0
