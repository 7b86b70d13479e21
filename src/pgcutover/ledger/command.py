"""The command line of `pgcutover ledger`."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pgcutover.config import load_settings
from pgcutover.errors import ConfigError
from pgcutover.exit_codes import SIGNAL_BASE, ExitCode
from pgcutover.ledger.ledgers import Ledgers, open_ledgers
from pgcutover.ledger.model import OpenSet
from pgcutover.ledger.opening import parts_from, single_reader
from pgcutover.ledger.store import Store
from pgcutover.sides import LABELS
from pgcutover.verdict_json.latest import comparison_seconds

_MB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--migration", type=Path, default=Path("migration.toml"), metavar="FILE",
        help="the migration.toml; the ledger is in .pgcutover/ beside it",
    )  # fmt: skip
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser("run", help="read both slots and settle, until Ctrl-C")
    run.add_argument(
        "--anew", action="store_true",
        help="drop both slots, forget what was recorded, and begin again",
    )  # fmt: skip
    run.set_defaults(run=_run)
    status = actions.add_parser("status", help="print the open set and the slots")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=_status)


def _run(arguments: argparse.Namespace) -> int:
    """Run as a service: Ctrl-C or SIGTERM ends it, and the next start resumes."""
    stopped = threading.Event()
    number = []

    def stop(signum: int, _: object) -> None:
        number.append(signum)
        stopped.set()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        parts = parts_from(load_settings(arguments.migration))
        with single_reader(parts), closing(open_ledgers(parts, anew=arguments.anew)) as ledgers:
            _say(f"following {len(ledgers.plan.tables)} tables by slot {parts.config.slot}")
            for name, reason in ledgers.plan.unfollowed.items():
                _say(f"{name} is not followed: {reason}; it needs a full comparison at the freeze")
            ledgers.run(stopped.is_set, _report)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    return SIGNAL_BASE + number[0] if number else ExitCode.PASS


def _status(arguments: argparse.Namespace) -> int:
    """Print the state; UNKNOWN where changes may be missing."""
    settings = load_settings(arguments.migration)
    parts = parts_from(settings)
    if not parts.path.exists():
        raise ConfigError(f'{parts.path} does not exist; expected "pgcutover ledger run" before')
    with closing(Ledgers(parts, Store(parts.path))) as ledgers:
        state = _state(ledgers, comparison_seconds(settings))
    text = json.dumps(state, indent=1) if arguments.json else "\n".join(_lines(state))
    sys.stdout.write(f"{text}\n")
    return ExitCode.UNKNOWN if state["faults"] else ExitCode.PASS


def _state(ledgers: Ledgers, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the state; `seconds` are the times in which the latest gate compared the tables."""
    found, slots = ledgers.open_set(), ledgers.read_slots()
    return {
        "open_keys": found.keys,
        "oldest_seconds": round(found.oldest_seconds, 1),
        "open_keys_by_table": dict(found.by_table),
        "grows_per_second": found.grows_per_second,
        "drains_per_second": found.drains_per_second,
        "forecast_seconds": found.forecast_seconds,
        "whole_tables": dict(found.whole_tables),
        "whole_table_seconds": {name: seconds.get(name) for name in found.whole_tables},
        "retained_wal_mb": {
            label: round(facts.retained_bytes / _MB, 1) if facts else None
            for label, facts in zip(LABELS, slots, strict=True)
        },
        "faults": ledgers.faults(),
        "warnings": ledgers.warnings(slots),
    }


def _lines(state: dict[str, Any]) -> Iterator[str]:
    yield f"open keys: {state['open_keys']}, the oldest for {state['oldest_seconds']:g} s"
    for name, keys in state["open_keys_by_table"].items():
        yield f"    {name}: {keys}"
    yield f"changes recorded a second: {_rate(state['grows_per_second'])}"
    yield f"keys compared a second of work: {_rate(state['drains_per_second'])}"
    yield f"forecast of the comparison at the freeze: {_seconds(state['forecast_seconds'])}"
    for name, reason in state["whole_tables"].items():
        cost = _seconds(state["whole_table_seconds"][name])
        yield f"full comparison needed: {name}: {reason}; time in the latest gate: {cost}"
    for label, size in state["retained_wal_mb"].items():
        yield f"WAL retained on the {label}: {'no slot' if size is None else f'{size:g} MB'}"
    for kind in ("faults", "warnings"):
        yield from (f"{kind[:-1]}: {text}" for text in state[kind])


def _report(ledgers: Ledgers) -> None:
    found = ledgers.open_set()
    _say(_summary(found))
    for warning in ledgers.warnings(ledgers.read_slots()):
        _say(f"warning: {warning}")


def _summary(found: OpenSet) -> str:
    return (
        f"open keys: {found.keys}, the oldest for {found.oldest_seconds:.1f} s; recorded a second: "
        f"{_rate(found.grows_per_second)}; forecast: {_seconds(found.forecast_seconds)}; "
        f"tables that need a full comparison: {len(found.whole_tables)}"
    )


def _rate(value: float | None) -> str:
    return "not known yet" if value is None else f"{value:.1f}"


def _seconds(value: float | None) -> str:
    return "not known yet" if value is None else f"{value:.2f} s"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
