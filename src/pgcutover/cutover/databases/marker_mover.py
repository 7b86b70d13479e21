"""A mover that is known by its effects: markers show that it runs, lags and is drained.

It fits every mover, of one stream or of several with a marker table each. What only the team can
do, such as starting a task from a slot, is a hook.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from pgcutover.config import Hook
from pgcutover.connect import Connection, open_writer
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import FreezeError
from pgcutover.freeze import (
    DrainMarker,
    LockedRelation,
    MoverFence,
    fence_mover_role,
    is_mover_fenced,
    mover_role_problems,
    read_relations,
    restore_mover_role,
)
from pgcutover.mapping import RelationName
from pgcutover.sides import Sides

_START_SECONDS = 60.0
_UNFENCED = (
    "neither freeze.mover_role nor cutover.hooks.fence_mover and unfence_mover are set; after the "
    "drain, nothing would keep the mover from writing"
)


@dataclass(frozen=True, slots=True)
class MarkerMover:
    """A mover whose streams carry the tables `markers`; `dsns` are of roles that write there."""

    dsns: Mapping[Side, str] = field(repr=False)
    markers: tuple[Mapping[Side, RelationName], ...]
    max_lag_seconds: float
    hooks: HookRunner
    find_hook: Callable[[str], Hook | None]
    role: str
    tables: Mapping[Side, tuple[RelationName, ...]]

    def problems(self, writer: Side) -> list[str]:
        """Return what keeps the mover from being fenced, or from being started the other way."""
        found = self.fence_problems(writer)
        if not self._has_hook("start_mover"):
            found.append(
                "cutover.hooks.start_mover is not set; without it nothing carries writes back"
            )
        return found

    def fence_problems(self, writer: Side) -> list[str]:
        """Return what keeps the mover from being fenced on the standby."""
        if self._has_hook("fence_mover") and self._has_hook("unfence_mover"):
            return []
        if not self.role:
            return [_UNFENCED]
        with self._standby(writer) as standby:
            return [f"{writer.other}: {each}" for each in mover_role_problems(standby, self.role)]

    def lag_seconds(self, writer: Side) -> float | None:
        """Return the time that a marker takes; None if none arrives in ten times the limit."""
        try:
            return self._time_marker(writer, 10 * self.max_lag_seconds)
        except StepError:
            return None

    def drain(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Write a marker into every stream on the writer, and wait for all on the standby."""
        return {"drain_seconds": round(self._time_marker(writer, seconds), 3)}

    def fence(self, writer: Side) -> None:
        """Keep it from writing to the standby, by the hook, or by its role."""
        if self._has_hook("fence_mover"):
            self._run("fence_mover", writer)
            return
        with self._standby(writer) as standby:
            fence_mover_role(standby, self.role, self._relations(standby, writer))

    def unfence(self, writer: Side) -> None:
        """Let it write to the standby again; the way by which its role was fenced is found out."""
        if self._has_hook("unfence_mover"):
            self._run("unfence_mover", writer)
            return
        with self._standby(writer) as standby:
            relations = self._relations(standby, writer)
            restore_mover_role(standby, MoverFence(self.role, "triggers", True), relations)
            with suppress(psycopg.errors.InsufficientPrivilege):
                restore_mover_role(standby, MoverFence(self.role, "nologin", True))

    def is_fenced(self, writer: Side) -> bool | None:
        """Return whether its role is fenced; None where only the hook knows."""
        if self._has_hook("fence_mover"):
            return None
        with self._standby(writer) as standby:
            return is_mover_fenced(standby, self.role, self._relations(standby, writer))

    def prepare(self, side: Side) -> None:
        """Make what a stream from this side needs, by the hook if there is one."""
        if self._has_hook("prepare_mover"):
            self._run("prepare_mover", side)

    def start(self, writer: Side, slot: str) -> None:
        """Start the stream from the writer by the hook, and wait for a marker of it."""
        self._run("start_mover", writer, slot)
        self.drain(writer, _START_SECONDS)

    def is_running(self, writer: Side) -> bool:
        """Return whether a marker arrives."""
        try:
            self.drain(writer, self.max_lag_seconds)
        except StepError:
            return False
        return True

    def finish(self, writer: Side) -> list[str]:
        """End all streams by the hook; without one, name them as what is left to do."""
        if not self._has_hook("finish_mover"):
            return ["the mover: stop and delete it, with its slots"]
        self._run("finish_mover", writer)
        return []

    def _time_marker(self, writer: Side, seconds: float) -> float:
        """Return the time until a marker arrived in every stream; StepError if one did not."""
        streams = [Sides(stream[writer], stream[writer.other]) for stream in self.markers]
        try:
            with self._open(writer) as source, self._open(writer.other) as target:
                return DrainMarker(source, target, streams).drain(seconds).seconds
        except FreezeError as error:
            raise StepError(str(error)) from error

    def _relations(self, standby: Connection, writer: Side) -> tuple[LockedRelation, ...]:
        if not self.role:
            raise StepError(_UNFENCED)
        return read_relations(standby, self.tables[writer.other])

    @contextmanager
    def _standby(self, writer: Side) -> Iterator[Connection]:
        try:
            with self._open(writer.other) as connection:
                yield connection
        except psycopg.Error as error:
            words = describe_error(error)
            raise StepError(f"{writer.other}: the mover's role: {words}") from error

    def _open(self, side: Side) -> Connection:
        try:
            return open_writer(self.dsns[side])
        except psycopg.Error as error:
            raise StepError(f"{side}: cannot connect: {describe_error(error)}") from error

    def _has_hook(self, name: str) -> bool:
        return self.find_hook(name) is not None

    def _run(self, name: str, writer: Side, slot: str = "") -> None:
        hook = self.find_hook(name)
        if hook is None:
            raise StepError(f"cutover.hooks.{name} is not set; expected a command or a url")
        self.hooks.run(name, hook, writer, slot=slot)
