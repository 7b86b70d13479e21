"""Applies numbered scripts `NN_*.sql` once each, in order, and records each in its transaction."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.applied_steps import Applied, journal, refuse_changed, run_once
from pgcutover.provision.execute import Progress, run_statements

_NAME = re.compile(r"([0-9]+)_\w[\w.-]*\.sql")


@dataclass(frozen=True, slots=True)
class Script:
    """A numbered script of a phase."""

    phase: str
    number: int
    name: str
    sha256: str
    text: str


PHASES = ("pre-load", "post-load")
Pending = Script
"""A script that is not in the journal yet."""


def require_phases(folder: Path) -> None:
    """Raise ProvisionError where the scripts folder lacks a phase's folder."""
    for phase in PHASES:
        if not (folder / phase).is_dir():
            raise ProvisionError(
                f"schema.scripts: {folder} has no folder {phase}; create it, and leave it empty if "
                "the migration has no such scripts"
            )


def read_scripts(folder: Path, phase: str) -> list[Script]:
    """Return the scripts of `folder/phase` by number; ProvisionError if a name is invalid."""
    if not (folder / phase).is_dir():
        raise ProvisionError(f"{folder / phase}: no such folder; expected scripts NN_*.sql in it")
    files = (p for p in (folder / phase).iterdir() if not p.name.startswith("."))
    scripts = sorted((_read(path, phase) for path in files), key=lambda s: (s.number, s.name))
    for one, other in pairwise(scripts):
        if one.number == other.number:
            raise ProvisionError(
                f"{phase}: {one.name} and {other.name} have the same number; their order would "
                "be a guess, so give one another number"
            )
    return scripts


def plan(conn: Connection, folder: Path, phase: str) -> list[Pending]:
    """Return the scripts that `apply` would run; writes nothing.

    ProvisionError if an applied script has changed or is missing, or if a new script has a lower
    number than an applied one.
    """
    scripts = read_scripts(folder, phase)
    applied = [done for done in journal(conn) if done.phase == phase]
    _refuse_missing(applied, scripts)
    by_name = {done.script: done for done in applied}
    for script in scripts:
        if script.name in by_name:
            refuse_changed(by_name[script.name], script.sha256)
    pending = [script for script in scripts if script.name not in by_name]
    _refuse_overtaken(pending, [s for s in scripts if s.name in by_name])
    return pending


def apply(conn: Connection, folder: Path, phase: str, progress: Progress) -> list[Applied]:
    """Run the pending scripts; return the steps that this call applied.

    ProvisionError names file, line and SQLSTATE of a failed script, which is rolled back.
    """
    return list(_apply(conn, plan(conn, folder, phase), progress))


def _apply(conn: Connection, pending: Sequence[Pending], progress: Progress) -> Iterator[Applied]:
    for script in pending:
        if done := _apply_one(conn, script):
            progress(f"applied {done.name} in {done.duration_seconds:.2f} s")
            yield done


def _apply_one(conn: Connection, script: Script) -> Applied | None:
    label = f"{script.phase}/{script.name}"
    return run_once(
        conn,
        script.phase,
        script.name,
        script.sha256,
        lambda: run_statements(conn, script.text, label),
    )


def _read(path: Path, phase: str) -> Script:
    match = _NAME.fullmatch(path.name)
    if not match or not path.is_file():
        raise ProvisionError(
            f"{phase}/{path.name}: expected a file named NN_what_it_does.sql; rename it or move "
            "it elsewhere, because what is left out by mistake is not noticed"
        )
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ProvisionError(f"{phase}/{path.name}: not UTF-8 (byte {error.start})") from error
    return Script(phase, int(match[1]), path.name, hashlib.sha256(content).hexdigest(), text)


def _refuse_missing(applied: Sequence[Applied], scripts: Sequence[Script]) -> None:
    names = {script.name for script in scripts}
    for done in applied:
        if done.script not in names:
            raise ProvisionError(
                f"{done.name} was applied on {done.applied_at:%Y-%m-%d %H:%M:%S %Z} but is gone "
                "from the folder; put it back, under the same name"
            )


def _refuse_overtaken(pending: Sequence[Script], applied: Sequence[Script]) -> None:
    last = max((script.number for script in applied), default=-1)
    for script in pending:
        if script.number < last:
            raise ProvisionError(
                f"{script.phase}/{script.name} is new, but number {last} has already been "
                f"applied; scripts run in order: give it a number above {last}"
            )
