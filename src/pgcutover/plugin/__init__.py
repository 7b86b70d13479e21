"""The pytest plugin: its options, and the hooks that do nothing unless a run is a gate.

It loads in every pytest run of its environment, so it stays inert, and registers no fixture,
unless the run names a check of `pgcutover.checks` or a migration.
"""

import sys
from pathlib import Path

import pytest

from pgcutover.error_texts.crash import describe_crash
from pgcutover.exit_codes import ExitCode

_CHECKS = "pgcutover.checks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a gate run."""
    group = parser.getgroup("pgcutover", "the gate of a PostgreSQL migration")
    group.addoption("--migration", metavar="FILE", type=Path, help="the migration.toml to judge by")
    group.addoption(
        "--rehearse",
        action="store_true",
        help="run the demo migration on embedded servers and judge that; variables with DSNs are "
        "not read",
    )
    group.addoption(
        "--provision",
        action="store_true",
        help="create schema and DMS objects for the databases that migration.toml names",
    )
    group.addoption(
        "--resume",
        action="store_true",
        help="go on where an interrupted run of the same migration stopped; finished chunks are "
        "not read again",
    )
    group.addoption(
        "--digest",
        metavar="HASH",
        choices=("fast", "sha256"),
        default="fast",
        help="how rows are hashed: fast, by the servers' own 64-bit hashes, or sha256, of the "
        "row's text, where policy wants that; it takes several times as long",
    )
    group.addoption("--out", metavar="DIR", type=Path, help="folder for verdict and reports")
    _add_rehearsal_options(group)
    _add_stage_options(group)


def _add_rehearsal_options(group: pytest.OptionGroup) -> None:
    group.addoption("--scale", metavar="N", type=int, help="rehearsal only: size of the source")
    group.addoption(
        "--sabotage",
        metavar="NAME",
        help="rehearsal only: damage the target after the load; 'list' prints the names",
    )
    group.addoption(
        "--keep",
        action="store_true",
        help="rehearsal only: keep the servers and say how to connect",
    )
    group.addoption(
        "--stop-after",
        metavar="PHASE",
        choices=("gate", "night"),
        help="rehearsal only: 'gate' ends at the verdict; 'night' goes on with cutover, rollback "
        "and a second cutover, while a client writes throughout",
    )
    group.addoption(
        "--break",
        dest="break_at",
        metavar="STEP",
        help="rehearsal only: kill the first cutover of the night in this step, then run it again",
    )


def _add_stage_options(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--freeze-channel",
        metavar="FD",
        type=int,
        help="ask the checks of the stage freeze only, once the cutover that started this run says "
        "so through this socket; not for use by hand",
    )
    group.addoption(
        "--smoke-channel",
        metavar="FD",
        type=int,
        help="ask the checks of the stage smoke only, once the cutover that started this run says "
        "so through this socket; not for use by hand",
    )
    group.addoption(
        "--stage",
        metavar="STAGE",
        choices=("after",),
        help="ask the checks of this stage only, on the side that a cutover has opened; the run "
        "opens no cutover",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Prepare a gate run before other plugins read their options; list sabotages."""
    if not is_gate(config):
        return None
    try:
        from pgcutover.plugin import controller

        return controller.prepare(config)
    except pytest.UsageError:
        raise
    except Exception as error:  # pytest would exit with 1, which means that a row differs
        sys.stderr.write(f"ERROR: {describe_crash(error)}\n")
        return ExitCode.UNKNOWN


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker always, everything else only for a gate."""
    config.addinivalue_line("markers", "check(id): the name under which a check reports")
    if not is_gate(config):
        return
    try:
        from pgcutover.plugin import controller

        controller.configure(config)
    except Exception as error:
        pytest.exit(f"the gate cannot start: {describe_crash(error)}", ExitCode.UNKNOWN)


def is_gate(config: pytest.Config) -> bool:
    """Check if this run names our checks, a migration or a rehearsal."""
    if hasattr(config, "workerinput"):
        return "pgcutover" in config.workerinput
    if config.getoption("migration", None) or config.getoption("rehearse", False):
        return True
    return any(_names_checks(arg, config) for arg in config.args)


def _names_checks(arg: str, config: pytest.Config) -> bool:
    name = arg.split("::")[0]
    if config.getoption("pyargs", False) and (name + ".").startswith(_CHECKS + "."):
        return True
    path = (config.invocation_params.dir / name).resolve()
    return path.is_relative_to(_checks_folder())


def _checks_folder() -> Path:
    from importlib.util import find_spec

    spec = find_spec(_CHECKS)
    if spec is None or spec.origin is None:
        raise pytest.UsageError("pgcutover.checks is not installed; reinstall pgcutover")
    return Path(spec.origin).resolve().parent
