"""The command line of `pgcutover outbox`."""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.config.dsn import require_dsn
from pgcutover.connect import Connection, open_owner
from pgcutover.errors import ConfigError
from pgcutover.exit_codes import ExitCode
from pgcutover.outbox.capture_sql import Step
from pgcutover.outbox.install import apply_step, plan_install, plan_uninstall


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--migration", type=Path, default=Path("migration.toml"), metavar="FILE",
        help="the migration.toml",
    )  # fmt: skip
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, summary, run in (
        ("install", "create the outbox and its triggers on the source", _install),
        ("uninstall", "drop them, and leave nothing", _uninstall),
    ):
        action = actions.add_parser(name, help=f"{summary}; prints the SQL")
        action.add_argument("--yes", action="store_true", help="run the SQL instead")
        action.set_defaults(run=run)


def _install(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    rules = load_rules(settings)
    with closing(open_owner(_owner(settings))) as connection:
        mapped = mapped_tables(rules, connection)
        plan, steps = plan_install(connection, settings.name, settings.outbox, rules, mapped)
        for warning in plan.warnings():
            _say(f"warning: {warning}")
        for step in steps:
            _do(connection, step, settings, apply=arguments.yes)
    if not steps:
        _say(f"the outbox is installed: {len(plan.tables)} tables are captured")
    return ExitCode.PASS


def _uninstall(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    with closing(open_owner(_owner(settings))) as connection:
        steps = plan_uninstall(connection, settings.name)
        for step in steps:
            _do(connection, step, settings, apply=arguments.yes)
    if not steps:
        _say("the source has no outbox")
    return ExitCode.PASS


def _do(connection: Connection, step: Step, settings: Settings, *, apply: bool) -> None:
    if apply:
        apply_step(connection, step, settings.outbox)
        _say(f"done: {step.title}")
    else:
        sys.stdout.write(step.script(settings.outbox.lock_timeout_seconds))


def _owner(settings: Settings) -> str:
    if not settings.outbox.owner_dsn_env:
        raise ConfigError(
            f"{settings.path.name}: expected owner_dsn_env in [outbox], the role that creates the "
            "triggers"
        )
    return require_dsn(settings.outbox.owner_dsn_env)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
