"""AWS DMS as the mover of a cutover: markers show its lag, tasks of type cdc carry changes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg

from pgcutover.catalog import Manifest
from pgcutover.catalog.partitions import read_partitions
from pgcutover.connect import open_side
from pgcutover.cutover.databases.marker_mover import MarkerMover
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import MoverError
from pgcutover.movers.dms.way_back.change_mappings import Partitions, inverted_rules, lost_columns
from pgcutover.movers.dms.way_back.change_task import ChangeStream, ChangeTasks

_PLUGIN = "test_decoding"
_START_SECONDS = 900.0
_POSITION = "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s"


@dataclass(frozen=True, slots=True)
class DmsMover:
    """The tasks of a migration; `readers` are DSNs of roles that read the catalogs."""

    marker: MarkerMover
    make_tasks: Callable[[], ChangeTasks]
    readers: Mapping[Side, str] = field(repr=False)
    manifest: Manifest
    mappings: object
    plugin: str

    def problems(self, writer: Side) -> list[str]:
        """Return what keeps DMS from being fenced, or from carrying changes back."""
        found = self.marker.fence_problems(writer)
        if self.plugin != _PLUGIN:
            found.append(
                f"cutover.slot_plugin is {self.plugin}; expected {_PLUGIN}, which AWS DMS reads on "
                "the way back"
            )
        if lost := lost_columns(self.manifest):
            found.append(
                f"the mapping removes {', '.join(lost)}, so DMS cannot carry whole rows back; set "
                "cutover.hooks.start_mover to a way of your own"
            )
        if not self._reads(writer):
            found.append(
                f"no DMS task that carries the changes of the {writer} is running; resume it, and "
                "wait until it has caught up"
            )
        return found

    def lag_seconds(self, writer: Side) -> float | None:
        """Return the time that a marker takes; None if none arrives."""
        return self.marker.lag_seconds(writer)

    def drain(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Write a marker on the writer, and wait for it on the standby."""
        return self.marker.drain(writer, seconds)

    def fence(self, writer: Side) -> None:
        """Keep its role from writing to the standby; the task is stopped after the opening."""
        self.marker.fence(writer)

    def unfence(self, writer: Side) -> None:
        """Let its role write to the standby again."""
        self.marker.unfence(writer)

    def is_fenced(self, writer: Side) -> bool | None:
        """Return whether its role cannot write to the standby."""
        return self.marker.is_fenced(writer)

    def prepare(self, side: Side) -> None:
        """Do nothing: a slot of test_decoding needs no publication."""
        self.marker.prepare(side)

    def start(self, writer: Side, slot: str) -> None:
        """Stop the task that read the other side, and start one that reads the slot."""
        position = self._position(writer, slot)
        try:
            tasks = self.make_tasks()
            tasks.end(writer.other.value)
            self.marker.unfence(writer.other)
            tasks.begin(ChangeStream(writer.value, slot, position, self._rules(writer)))
        except MoverError as error:
            raise StepError(str(error)) from error
        self.marker.drain(writer, _START_SECONDS)

    def is_running(self, writer: Side) -> bool:
        """Return whether a task reads the writer, and a marker arrives."""
        return self._reads(writer) and self.marker.is_running(writer)

    def _reads(self, writer: Side) -> bool:
        try:
            return self.make_tasks().is_running(writer.value)
        except MoverError as error:
            raise StepError(str(error)) from error

    def finish(self, writer: Side) -> list[str]:
        """Delete the tasks of both directions; return what still costs money."""
        tasks = self.make_tasks()
        try:
            tasks.remove()
        except MoverError as error:
            raise StepError(str(error)) from error
        dms = tasks.settings
        return [
            f"the DMS task {dms.task}, which is stopped: delete it, and its slot goes too",
            f"the DMS replication instance {dms.replication_instance}: billed by the hour",
            f"the DMS endpoints {dms.source_endpoint} and {dms.target_endpoint}, their "
            "certificates, and the log group of the instance",
        ]

    def _rules(self, writer: Side) -> object:
        if writer is Side.SOURCE:
            return self.mappings
        return inverted_rules(self.manifest, self._partitions(writer))

    def _partitions(self, side: Side) -> Partitions:
        with open_side(side.value, self.readers[side]) as connection:
            found = read_partitions(connection)
        return {table: [path[-1] for path in paths] for table, paths in found.items()}

    def _position(self, side: Side, slot: str) -> str:
        try:
            with open_side(side.value, self.readers[side]) as connection:
                row = connection.execute(_POSITION, [slot]).fetchone()
        except psycopg.Error as error:
            raise StepError(f"{side}: slots cannot be read: {describe_error(error)}") from error
        if row is None or row[0] is None:
            raise StepError(
                f"{side}: the slot {slot} is gone, so the changes since the opening cannot be "
                "carried; load the other side again before a rollback"
            )
        return str(row[0])
