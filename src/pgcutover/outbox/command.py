"""The command line of `pgcutover outbox`."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from threading import Event

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.config.dsn import require_dsn
from pgcutover.connect import Connection, open_owner, open_side
from pgcutover.errors import ConfigError
from pgcutover.exit_codes import SIGNAL_BASE, ExitCode
from pgcutover.outbox.capture_sql import Step
from pgcutover.outbox.install import apply_step, plan_install, plan_uninstall
from pgcutover.outbox.opening import open_outbox_relay, read_captured
from pgcutover.outbox.relay import Relay
from pgcutover.outbox.run import drain, expire_parked, replay_parked, replay_table, run_relay
from pgcutover.outbox.source import open_relay
from pgcutover.outbox.status import OutboxStatus, read_status
from pgcutover.sides import Sides
from pgcutover.text.words import count_noun


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
    relay = actions.add_parser("run", help="write the rows of the outbox to the target")
    relay.add_argument(
        "--until-empty", type=float, metavar="SECONDS",
        help="end when the outbox is empty; exit code 3 if it is not after this time",
    )  # fmt: skip
    relay.set_defaults(run=_run)
    status = actions.add_parser("status", help="print entries, parked keys and missing triggers")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=_status)
    replay = actions.add_parser("replay", help="put keys into the outbox again")
    chosen = replay.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--table", metavar="SCHEMA.TABLE", help="every key of a source table")
    chosen.add_argument("--all", action="store_true", help="every key of all captured tables")
    chosen.add_argument("--parked", action="store_true", help="the keys that the target refused")
    replay.set_defaults(run=_replay)


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


def _run(arguments: argparse.Namespace) -> int:
    """Run as a service: Ctrl-C or SIGTERM ends it after its transaction, a second one at once."""
    settings = load_settings(arguments.migration)
    stopped, number = Event(), []

    def stop(signum: int, _: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        number.append(signum)
        stopped.set()

    opened = _relay_of(settings)
    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        _expire(settings)
        if arguments.until_empty is not None:
            with closing(opened()) as relay:
                is_empty = drain(relay, time.monotonic() + arguments.until_empty)
            return ExitCode.PASS if is_empty else ExitCode.UNKNOWN
        _say("the relay runs")
        run_relay(opened, stopped, settings.outbox.poll_seconds, _say)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    return SIGNAL_BASE + number[0] if number else ExitCode.PASS


def _relay_of(settings: Settings) -> Callable[[], Relay]:
    own = settings.outbox
    if not (own.source_dsn_env and own.target_dsn_env):
        raise ConfigError(
            f"{settings.path.name}: expected source_dsn_env and target_dsn_env in [outbox], the "
            "roles of the relay"
        )
    dsns = Sides(require_dsn(own.source_dsn_env), require_dsn(own.target_dsn_env))
    rules = load_rules(settings)
    return lambda: open_outbox_relay(settings.name, rules, dsns, own.batch_keys)


def _expire(settings: Settings) -> None:
    with closing(open_relay(require_dsn(settings.outbox.source_dsn_env))) as connection:
        expire_parked(connection, settings.outbox.parked_days)


def _status(arguments: argparse.Namespace) -> int:
    """Print the state; UNKNOWN where the target may lack rows for too long."""
    settings = load_settings(arguments.migration)
    rules = load_rules(settings)
    own = settings.outbox.source_dsn_env or settings.source.dsn_env
    with open_side("source", require_dsn(own)) as connection:
        status = read_status(connection, mapped_tables(rules, connection))
    faults = [message for _, _, message in status.faults(settings.outbox)]
    if arguments.json:
        sys.stdout.write(f"{json.dumps({**asdict(status), 'faults': faults}, indent=1)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(status, faults))
    return ExitCode.UNKNOWN if faults else ExitCode.PASS


def _lines(status: OutboxStatus, faults: Sequence[str]) -> Iterator[str]:
    yield f"entries: {status.entries}, the oldest {status.oldest_seconds:.1f} s old"
    yield from (f"    {name}: {count}" for name, count in status.by_table.items())
    yield f"dead entries: {status.dead_entries}, size {status.size_mb:.1f} MB"
    yield from (f"fault: {text}" for text in faults)


def _replay(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    rules = load_rules(settings)
    dsn, unlimited = require_dsn(settings.outbox.source_dsn_env), {"statement_timeout": "0"}
    with closing(open_relay(dsn, unlimited)) as connection:
        with connection.transaction():
            _, plan = read_captured(connection, settings.name, rules)
        wanted = arguments.table
        tables = [t for t in plan.tables if wanted in (None, str(t.name))]
        if not tables:
            raise ConfigError(f"{wanted}: expected a captured table of the source; see status")
        for table in tables:
            (replay_parked if arguments.parked else replay_table)(connection, table)
    _say(f"replaying {count_noun(len(tables), 'table')}; the relay writes the rows")
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
