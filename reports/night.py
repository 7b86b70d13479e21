"""The night of a rehearsal as the sign-off page shows it: night.json, checked, and as a table."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pgcutover.errors import PgCutoverError
from pgcutover.rehearsal.timeline import frozen_steps


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class OpenSet(_Part):
    """The open set of the change ledger before the first freeze; null is not known."""

    open_keys: int
    oldest_seconds: float
    grows_per_second: float | None
    drains_per_second: float | None
    forecast_seconds: float | None


class Passage(_Part):
    """One command of the night, with the seconds of its steps."""

    command: str
    seconds: float
    write_gap_seconds: float
    freeze_seconds: float
    steps: tuple[tuple[str, float], ...]
    killed_in: str = ""
    """The step in which it was killed, before it was run again."""


class Night(_Part):
    """The content of night.json."""

    passages: tuple[Passage, ...]
    writes: int
    lost: int
    client_errors: int
    seconds: float
    write_gap_seconds: float
    open_set: OpenSet | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step, and its seconds in each command; None where the command did not take it."""

    step: str
    is_frozen: bool
    seconds: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class NightView:
    """A night, as the sign-off page shows it."""

    night: Night
    rows: tuple[StepRow, ...]
    sha256: str

    @property
    def is_good(self) -> bool:
        """Return whether no write was lost and the client met no error."""
        return not self.night.lost and not self.night.client_errors


def read_night(path: Path) -> NightView:
    """Return the night in a night.json."""
    try:
        data = path.read_bytes()
        night = Night.model_validate_json(data)
    except OSError as error:
        raise PgCutoverError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise PgCutoverError(f"{path}: {where or 'the file'} is not as expected") from error
    return NightView(night, tuple(_rows(night.passages)), hashlib.sha256(data).hexdigest())


def _rows(passages: Sequence[Passage]) -> Iterator[StepRow]:
    frozen = set(frozen_steps())
    taken = [_sum_by_step(passage.steps) for passage in passages]
    for step in _merge(taken):
        yield StepRow(step, step in frozen, tuple(seconds.get(step) for seconds in taken))


def _sum_by_step(steps: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the seconds of each step; one that was done again after a crash counts both times."""
    found: dict[str, float] = {}
    for step, seconds in steps:
        found[step] = found.get(step, 0.0) + seconds
    return found


def _merge(orders: Iterable[Iterable[str]]) -> list[str]:
    """Return all steps once; one that only a later command takes follows its predecessor."""
    merged: list[str] = []
    for order in orders:
        position = 0
        for step in order:
            if step not in merged:
                merged.insert(position, step)
            position = merged.index(step) + 1
    return merged
