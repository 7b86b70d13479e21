"""Difference between the clocks of both servers, as far as the round trips let it be measured.

A server's clock is read between two readings of this machine's. The true reading belongs to a
moment between them, so that half of the round trip is the largest error.
"""

from dataclasses import dataclass
from time import monotonic

from pgcutover.connect import Connection
from pgcutover.readiness.situation import Situation
from pgcutover.sides import Sides

_ROUNDS = 5
_WARN_SECONDS, _FAIL_SECONDS = 1.0, 60.0
_NOW = "select extract(epoch from clock_timestamp())::float8"


@dataclass(frozen=True, slots=True)
class ClockSample:
    """A server's clock minus this machine's, and the largest error of that."""

    offset_seconds: float
    error_seconds: float


def sample_clock(connection: Connection) -> ClockSample:
    """Return the most exact of several samples of a server's clock."""
    samples = (_sample(connection) for _ in range(_ROUNDS))
    return min(samples, key=lambda sample: sample.error_seconds)


def _sample(connection: Connection) -> ClockSample:
    begin = monotonic()
    ((server,),) = connection.execute(_NOW).fetchall()
    end = monotonic()
    return ClockSample(server - (begin + end) / 2, (end - begin) / 2)


def judge_clocks(clocks: Sides[ClockSample]) -> Situation:
    """Check that the target's clock agrees with the source's."""
    found = Situation()
    skew = clocks.target.offset_seconds - clocks.source.offset_seconds
    error = clocks.source.error_seconds + clocks.target.error_seconds
    round_trips = clocks.map(lambda clock: round(clock.error_seconds * 2000, 3))
    found.facts["clock_skew_seconds"] = round(skew, 3)
    found.facts["round_trip_milliseconds"] = list(round_trips)
    certain = abs(skew) - error
    if certain >= _WARN_SECONDS:
        direction = "ahead of" if skew > 0 else "behind"
        found.add(
            "*",
            "clocks differ",
            f"the target's clock is {certain:,.1f} s {direction} the source's; expected less than "
            f"{_WARN_SECONDS:g} s, since rows written after the cutover would be dated "
            f"{'later than they are' if skew > 0 else 'before rows that are older'}; synchronize "
            "both servers by NTP",
            fails=certain >= _FAIL_SECONDS,
        )
    return found
