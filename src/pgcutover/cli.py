"""The command line. The gate itself is `pytest --pyargs pgcutover.checks`."""

import argparse
import sys
from collections.abc import Sequence

from pgcutover import __version__
from pgcutover.errors import PgCutoverError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; its exit code, or 3 with one sentence for an error of ours."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except PgCutoverError as error:
        sys.stderr.write(f"pgcutover: {error}\n")
        return 3
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    from pgcutover.embedded import command
    from pgcutover.schema import cli as schema_command

    parser = argparse.ArgumentParser(prog="pgcutover", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    servers = commands.add_parser("servers", help="start two PostgreSQL servers and wait")
    command.add_arguments(servers)
    servers.set_defaults(run=command.run)
    schema = commands.add_parser("schema", help="compare schemas, and print what would mend one")
    schema_command.add_arguments(schema)
    pages = commands.add_parser("pages", help="print a page of docs/ that the code writes")
    pages.add_argument("page", choices=("checks", "keys", "options"))
    pages.set_defaults(run=_print_page)
    return parser


def _print_page(arguments: argparse.Namespace) -> int:
    sys.stdout.write(page(arguments.page))
    return 0


def page(name: str) -> str:
    """The text of docs/checks.md, docs/migration-toml.md or docs/options.md."""
    from pgcutover import generated_docs

    if name == "checks":
        return generated_docs.checks_page(generated_docs.packaged_checks())
    return generated_docs.keys_page() if name == "keys" else generated_docs.options_page()
