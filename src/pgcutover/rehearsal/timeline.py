"""Measures a night by its client's record: the longest write gap, and the writes that were lost."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from pgcutover.cutover.resolver import EFFECTS, Side, State, remaining_steps


@dataclass(frozen=True, slots=True)
class Write:
    """An acknowledged write, and the second of the monotonic clock at which it was."""

    token: str
    at: float


@dataclass(frozen=True, slots=True)
class Passage:
    """One command of the night: its steps with their seconds, and what the client saw meanwhile."""

    command: str
    seconds: float
    write_gap_seconds: float
    freeze_seconds: float
    steps: tuple[tuple[str, float], ...]
    killed_in: str = ""
    """The step in which it was killed, before it was run again."""


@dataclass(frozen=True, slots=True)
class Night:
    """A whole night; `lost` are acknowledged writes that the open side does not have."""

    passages: tuple[Passage, ...]
    writes: int
    lost: int
    client_errors: int
    seconds: float
    open_set: Mapping[str, object]
    """The open set of the change ledgers before the first cutover."""

    @property
    def write_gap_seconds(self) -> float:
        """The longest time in which the client saw no write accepted."""
        return max((p.write_gap_seconds for p in self.passages), default=0.0)

    @property
    def is_good(self) -> bool:
        """Return whether no write was lost and the client met no error."""
        return not self.lost and not self.client_errors

    def plain(self) -> dict[str, object]:
        """Return the night as night.json holds it."""
        return {**asdict(self), "write_gap_seconds": self.write_gap_seconds}


def frozen_steps() -> Iterator[str]:
    """Yield the steps during which clients' writes wait, from the lock to the opening."""
    state = State()
    for step in remaining_steps(state, Side.TARGET):
        after = EFFECTS[step](state)
        if state.frozen or after.frozen:
            yield step.value
        state = after


def frozen_seconds(steps: Sequence[tuple[str, float]]) -> float:
    """Return the seconds of the steps from the lock to the opening."""
    frozen = set(frozen_steps())
    return round(sum(seconds for step, seconds in steps if step in frozen), 3)


def read_writes(lines: Sequence[str]) -> list[Write]:
    """Return the acknowledged writes of a client's record."""
    pairs = (line.split() for line in lines)
    return [Write(token, float(at)) for token, at in pairs]


def longest_gap(writes: Sequence[Write], begun: float, ended: float) -> float:
    """Return the longest time between two acknowledged writes that touches this period."""
    gaps = (
        later.at - earlier.at
        for earlier, later in pairwise(writes)
        if later.at >= begun and earlier.at <= ended
    )
    return round(max(gaps, default=0.0), 3)


def count_lost(writes: Sequence[Write], found: Collection[str]) -> int:
    """Return the number of acknowledged writes that are not among those found."""
    return sum(write.token not in found for write in writes)


def night_lines(night: Night) -> list[str]:
    """Return what the terminal shows of a night."""
    lines = [
        f"{p.command:<9} {p.seconds:.1f} s, with steps of "
        f"{p.freeze_seconds:.3f} s in which writes wait; longest time without an accepted write "
        f"{p.write_gap_seconds:.3f} s{_killed(p)}"
        for p in night.passages
    ]
    lost = f"{night.lost:,} LOST" if night.lost else "none lost"
    return [
        *lines,
        f"client    {night.writes:,} acknowledged writes, {lost}; errors that it does not retry: "
        f"{night.client_errors}",
        f"night     {night.seconds:.1f} s",
    ]


def _killed(passage: Passage) -> str:
    return f"; killed in the step {passage.killed_in!r}" if passage.killed_in else ""
