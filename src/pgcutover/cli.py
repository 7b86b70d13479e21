"""The command `pgcutover`. Its gate and rehearse run `pytest --pyargs pgcutover.checks`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from pgcutover import __version__
from pgcutover.errors import describe_crash
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
    ("rehearse", "run a demo migration on embedded servers and judge it", ["--rehearse"]),
    ("gate", "judge the databases that migration.toml names", []),
)
_EPILOG = "All further arguments are passed to pytest; docs/options.md lists the options of a run."


def _run_checks(arguments: argparse.Namespace) -> int:
    # pytest must be the first to import pgcutover, or it cannot rewrite the asserts of the checks
    pytest = [sys.executable, "-P", "-m", "pytest", "--pyargs", "pgcutover.checks"]
    usual = ["-n", "2", "-p", "no:cacheprovider"]
    os.execv(sys.executable, [*pytest, *usual, *arguments.options, *arguments.rest])  # noqa: S606 - no shell


def _parser() -> argparse.ArgumentParser:
    from pgcutover.embedded import command
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
    pages = commands.add_parser("pages", help="print a generated page of docs/")
    names = ("checks", "config-schema", "keys", "options", "verdict", "verdict-schema")
    pages.add_argument("page", choices=names)
    pages.set_defaults(run=_print_page)
    return parser


def _print_page(arguments: argparse.Namespace) -> int:
    sys.stdout.write(page(arguments.page))
    return 0


def page(name: str) -> str:
    """Return the text of a generated file in docs/."""
    if name.startswith("verdict"):
        from pgcutover import verdict_page

        return verdict_page.page() if name == "verdict" else verdict_page.schema_text()
    from pgcutover import generated_docs

    if name == "checks":
        return generated_docs.checks_page(generated_docs.packaged_checks())
    pages = {
        "config-schema": generated_docs.schema_page,
        "keys": generated_docs.keys_page,
        "options": generated_docs.options_page,
    }
    return pages[name]()
