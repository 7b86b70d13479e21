"""The truth about a cutover: what the journal records, and what the databases and pointers show."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgcutover.config import Settings
from pgcutover.connect import open_side
from pgcutover.cutover.gates.proof_method import ProofMethod, read_method
from pgcutover.cutover.history import History, read_history
from pgcutover.cutover.journal import Entry, journal_path, read_entries
from pgcutover.cutover.resolver import Side, Step, next_step
from pgcutover.cutover.switching.pointer import common_side
from pgcutover.cutover.wiring import make_pointers, read_variable
from pgcutover.errors import PgCutoverError
from pgcutover.freeze import find_fenced


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a cutover; `accepts_writes` is None where a side cannot be reached."""

    migration: str
    history: History
    last: Entry | None
    is_running: bool
    accepts_writes: Mapping[Side, bool | None]
    pointer: str
    contradictions: tuple[str, ...]
    method: ProofMethod


def read_status(settings: Settings) -> Status:
    """Read the journal, then both databases and the pointers."""
    path = journal_path(settings.path)
    entries = read_entries(path)
    history = read_history(entries, dual_write=settings.cutover.dual_write)
    fenced = {side: _is_fenced(settings, side) for side in Side}
    pointer = _pointer(settings, history.state.pointer)
    is_running = _is_locked(path)
    found = () if is_running else tuple(_contradictions(history, fenced, pointer))
    return Status(
        settings.name,
        history,
        entries[-1] if entries else None,
        is_running,
        {side: None if value is None else not value for side, value in fenced.items()},
        pointer,
        found,
        read_method(settings),
    )


def status_lines(status: Status) -> Iterator[str]:
    """Yield the status in words."""
    state, pending = status.history.state, status.history.pending
    yield f"migration       {status.migration}"
    if status.history.finished:
        yield "cutover         finished"
    running = "by a running command" if status.is_running else "no command is running"
    yield f"writer          {state.writer}; {running}"
    yield f"clients sent to {status.pointer}"
    for side, accepts in status.accepts_writes.items():
        word = {True: "accepts writes", False: "refuses writes", None: "not reached"}[accepts]
        yield f"{side:15} {word}"
    if pending is not None:
        yield f"interrupted in  {pending.value}"
    for goal, command in ((Side.TARGET, "cutover"), (Side.SOURCE, "rollback")):
        step = next_step(state, goal)
        yield f"{command:15} {f'goes on with {step.value!r}' if step else 'has nothing to do'}"
    yield f"final gate      {status.method.describe()}"
    for line in status.contradictions:
        yield f"contradiction   {line}"


def status_json(status: Status) -> str:
    """Return the status as a JSON object."""
    state, pending, last = status.history.state, status.history.pending, status.last
    steps = {goal.value: next_step(state, goal) for goal in Side}
    return json.dumps(
        {
            "migration": status.migration,
            "writer": state.writer.value,
            "pointer": status.pointer,
            "frozen": state.frozen,
            "accepts_writes": {side.value: ok for side, ok in status.accepts_writes.items()},
            "pending": pending.value if pending else None,
            "next": {goal: step.value if step else None for goal, step in steps.items()},
            "running": status.is_running,
            "finished": status.history.finished,
            "last_line_at": last.at if last else None,
            "final_gate": status.method.plain(),
            "contradictions": list(status.contradictions),
        },
        indent=2,
    )


def _contradictions(
    history: History, fenced: Mapping[Side, bool | None], pointer: str
) -> Iterator[str]:
    """Yield where the databases or the pointers show something else than the journal records."""
    state, pending = history.state, history.pending
    expected = {state.writer: state.writer_fenced, state.standby: state.standby_fenced}
    for side, found in fenced.items():
        is_open_question = pending in (
            Step.FENCE_WRITER,
            Step.FENCE_STANDBY,
            Step.OPEN,
            Step.UNFENCE_WRITER,
            Step.UNFENCE_STANDBY,
        )
        if found is not None and found is not expected[side] and not is_open_question:
            words = {True: "refuses writes", False: "accepts writes"}
            yield f"the {side} {words[found]}, but the journal records that it {words[not found]}"
    is_switching = pending in (Step.SWITCH, Step.SWITCH_BACK)
    if pointer != state.pointer.value and not is_switching:
        yield f"clients are sent to {pointer}, but the journal records the {state.pointer}"


def _is_fenced(settings: Settings, side: Side) -> bool | None:
    of_side = settings.source if side is Side.SOURCE else settings.target
    try:
        dsn = read_variable(f"{side}.dsn_env", of_side.dsn_env)
        with open_side(side.value, dsn) as connection:
            return bool(find_fenced(connection))
    except (PgCutoverError, psycopg.Error):
        return None


def _pointer(settings: Settings, recorded: Side) -> str:
    try:
        side = common_side(make_pointers(settings), recorded)
    except PgCutoverError as error:
        return f"an unknown place ({error})"
    return side.value if side else "both sides"


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
