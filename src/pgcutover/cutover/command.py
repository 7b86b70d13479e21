"""`pgcutover plan | cutover | rollback | status | unfreeze | finish`."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pgcutover.config import Settings, load_settings
from pgcutover.cutover.driver import Driver
from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.finishing import finish_cutover
from pgcutover.cutover.gates.approval import Approval
from pgcutover.cutover.gates.gate_verdict import Override, now, require_pass
from pgcutover.cutover.gates.proof_method import read_method
from pgcutover.cutover.history import FINISHED, read_history
from pgcutover.cutover.journal import journal_path, read_entries, read_journal
from pgcutover.cutover.plan import plan_lines, refusals
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.status import read_status, status_json, status_lines
from pgcutover.cutover.wiring import (
    Databases,
    expected_verdict,
    identity_of,
    make_world,
    open_databases,
    open_driver,
)
from pgcutover.exit_codes import ExitCode
from pgcutover.key_hash.secret import find_secret
from pgcutover.ledger.opening import require_no_reader
from pgcutover.verdict_json.latest import latest_verdict

_RED, _RESET = "\033[1;31m", "\033[0m"


def add_commands(commands: Any) -> None:
    """Add the commands of the cutover; each sets `run`."""
    for name, summary, run in (
        ("plan", "print the steps of a cutover", _plan),
        ("cutover", "lead the clients' writes to the target, behind a PASS of the gate", _cutover),
        ("rollback", "lead the clients' writes back to the source, with all they wrote", _rollback),
        ("status", "say where a cutover stands", _status),
        ("unfreeze", "accept writes again where they were accepted last", _unfreeze),
        ("finish", "end a cutover: drop slots and the mover, and list what is left", _finish),
    ):
        parser = commands.add_parser(name, help=summary, description=summary)
        parser.add_argument(
            "--migration", type=Path, default=Path("migration.toml"), metavar="FILE",
            help="the migration.toml; the journal is in .pgcutover beside it",
        )  # fmt: skip
        parser.set_defaults(run=run)
        if name in _OPTIONS:
            _OPTIONS[name](parser)


def _approval_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="approve the point of no return")
    parser.add_argument("--approved-by", metavar="NAME", help="the second approver")


def _cutover_options(parser: argparse.ArgumentParser) -> None:
    _approval_options(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the steps and what refuses them; do nothing"
    )
    parser.add_argument(
        "--verdict", type=Path, metavar="FILE", help="verdict.json of the gate; else the latest"
    )
    parser.add_argument(
        "--override-gate", action="store_true", help="cut over without a PASS, at your own risk"
    )
    for name, text in (("who", "who decided"), ("why", "the reason"), ("ticket", "its ticket")):
        parser.add_argument(f"--{name}", default="", metavar="TEXT", help=f"override: {text}")


def _status_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON object")


_OPTIONS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "cutover": _cutover_options,
    "rollback": _approval_options,
    "status": _status_options,
}


def _plan(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    entries = read_entries(journal_path(settings.path))
    history = read_history(entries, dual_write=settings.cutover.dual_write)
    method = read_method(settings)
    for line in plan_lines(history.state, Side.TARGET, settings, method):
        sys.stdout.write(f"{line}\n")
    return ExitCode.PASS


def _cutover(arguments: argparse.Namespace) -> int:
    override = _override(arguments)
    settings = load_settings(arguments.migration)
    databases, passed = open_databases(settings), list[Path]()

    def check_gate() -> Mapping[str, object]:
        require_no_reader(settings)  # the cutover reads the slots itself
        if override is not None:
            _say_red(f"the gate is overridden by {override.who}: {override.why}, {override.ticket}")
            return {"override": override.details()}
        path, facts = _require_pass(arguments, settings, databases)
        passed[:] = [path.parent]
        return facts

    if arguments.dry_run:
        return _dry_run(arguments, settings, databases, check_gate)
    return _drive(
        arguments,
        settings,
        databases,
        Side.TARGET,
        check_gate,
        lambda: passed[0] if passed else None,
    )


def _rollback(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    return _drive(arguments, settings, open_databases(settings), Side.SOURCE, _no_gate)


def _unfreeze(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    databases = open_databases(settings)
    with _driver(arguments, settings, databases, _no_gate, must_unfreeze=True) as driver:
        driver.recover()
        driver.drive(driver.state.writer)
        _say(f"clients write to the {driver.state.writer}")
    return ExitCode.PASS


def _finish(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    databases = open_databases(settings)
    with _driver(arguments, settings, databases, _no_gate) as driver:
        state = driver.recover()
        if state.writer is not Side.TARGET or not state.serves:
            raise RefusedError(
                f"the cutover is not complete: clients write to the {state.writer}; finish it "
                "with `pgcutover cutover`"
            )
        left = finish_cutover(driver.world, settings, state.writer)
        driver.journal.append(FINISHED, left=left)
    for line in left:
        sys.stdout.write(f"left to do: {line}\n")
    return ExitCode.PASS


def _status(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.migration)
    status = read_status(settings)
    text = status_json(status) if arguments.json else "\n".join(status_lines(status))
    sys.stdout.write(f"{text}\n")
    return ExitCode.UNKNOWN if status.contradictions else ExitCode.PASS


def _drive(
    arguments: argparse.Namespace,
    settings: Settings,
    databases: Databases,
    goal: Side,
    check_gate: Callable[[], Mapping[str, object]],
    find_gate: Callable[[], Path | None] = lambda: None,
) -> int:
    with _driver(arguments, settings, databases, check_gate, find_gate=find_gate) as driver:
        driver.recover()
        driver.drive(goal)
        _say(f"clients write to the {driver.state.writer}")
    return ExitCode.PASS


def _dry_run(
    arguments: argparse.Namespace,
    settings: Settings,
    databases: Databases,
    check_gate: Callable[[], Mapping[str, object]],
) -> int:
    """Print the steps and all that refuses them; nothing is written on either side."""
    _plan(arguments)
    entries = read_journal(settings.path, identity_of(settings, databases))
    history = read_history(entries, dual_write=settings.cutover.dual_write)
    world = make_world(settings, databases, _approval(arguments, settings), check_gate)
    found = list(refusals(world, history.state, Side.TARGET, read_method(settings)))
    for reason in found:
        sys.stdout.write(f"refused: {reason}\n")
    return ExitCode.UNKNOWN if found else ExitCode.PASS


@contextmanager
def _driver(
    arguments: argparse.Namespace,
    settings: Settings,
    databases: Databases,
    check_gate: Callable[[], Mapping[str, object]],
    *,
    must_unfreeze: bool = False,
    find_gate: Callable[[], Path | None] = lambda: None,
) -> Iterator[Driver]:
    approval = _approval(arguments, settings)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with open_driver(
        settings,
        databases,
        approval,
        check_gate,
        _say,
        must_unfreeze=must_unfreeze,
        find_gate=find_gate,
    ) as driver:
        yield driver


def _approval(arguments: argparse.Namespace, settings: Settings) -> Approval:
    return Approval(
        settings.name,
        getattr(arguments, "yes", False),
        settings.cutover.second_approver,
        getattr(arguments, "approved_by", None),
    )


def _require_pass(
    arguments: argparse.Namespace, settings: Settings, databases: Databases
) -> tuple[Path, Mapping[str, object]]:
    """Return the verdict.json that opens the cutover, and facts for the journal."""
    path = arguments.verdict.resolve() if arguments.verdict else latest_verdict(settings)
    if not path.is_file():
        raise RefusedError(f"the cutover needs a PASS: {path} does not exist; run the gate")
    expected = expected_verdict(settings, databases)
    document = require_pass(path, expected, find_secret(settings.path, create=False), now())
    return path, {"run": document.run.id}


def _override(arguments: argparse.Namespace) -> Override | None:
    if not arguments.override_gate:
        return None
    return Override(arguments.who, arguments.why, arguments.ticket)


def _no_gate() -> NoReturn:
    raise RefusedError("only `pgcutover cutover` leads clients to the target")


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _say_red(text: str) -> None:
    colour = sys.stderr.isatty()
    _say(f"{_RED if colour else ''}{text}{_RESET if colour else ''}")
