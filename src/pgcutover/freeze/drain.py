"""Drains the mover during the freeze: a marker row through each of its streams."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, sleep

import psycopg

from pgcutover.compare.live.fence import has_marker, insert_marker
from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import FreezeError
from pgcutover.mapping import RelationName
from pgcutover.sides import Sides

_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class DrainResult:
    """The time until all markers had arrived, and that of each stream, by its marker table."""

    seconds: float
    streams: dict[str, float]


class DrainMarker:
    """Markers through the streams of a mover, over connections that were opened before the freeze.

    A stream is a task, a subscription or a relay that carries the marker table of that name. The
    marker tables are outside of lock and fence.
    """

    def __init__(
        self, source: Connection, target: Connection, streams: Sequence[Sides[RelationName]]
    ) -> None:
        """Keep a connection that writes the source's markers and one that reads the target's."""
        self._source, self._target, self._streams = source, target, tuple(streams)

    def drain(self, timeout_seconds: float) -> DrainResult:
        """Write the markers and wait for all of them; FreezeError names the streams that lag.

        The commit is flushed, so that everything before it in the WAL can be decoded.
        """
        begun, marker = monotonic(), uuid.uuid4()
        try:
            for stream in self._streams:
                insert_marker(self._source, stream.source, marker)
            self._source.commit()
            return DrainResult(*self._wait(marker, begun, timeout_seconds))
        except psycopg.Error as error:
            raise FreezeError(f"the drain failed: {describe_error(error)}") from error

    def _wait(
        self, marker: uuid.UUID, begun: float, timeout_seconds: float
    ) -> tuple[float, dict[str, float]]:
        arrived: dict[str, float] = {}
        while True:
            for stream in self._streams:
                name = str(stream.target)
                if name not in arrived and has_marker(self._target, stream.target, marker):
                    arrived[name] = monotonic() - begun
            self._target.rollback()
            if len(arrived) == len(self._streams):
                return monotonic() - begun, arrived
            if monotonic() - begun > timeout_seconds:
                missing = [str(s.target) for s in self._streams if str(s.target) not in arrived]
                raise FreezeError(
                    f"no marker arrived in {', '.join(missing)} within {timeout_seconds:g} s; the "
                    "mover of that stream lags or has stopped"
                )
            sleep(_POLL_SECONDS)
