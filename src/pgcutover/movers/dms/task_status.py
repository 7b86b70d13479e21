"""States and counters of a task and its tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pgcutover.errors import MoverError
from pgcutover.mapping import RelationName
from pgcutover.movers.dms.aws_text import public_text
from pgcutover.movers.dms.client import Api
from pgcutover.movers.dms.resources.resource_kinds import TASK, find
from pgcutover.movers.dms.settings.task_settings import parse_document, stops_after_load

LOADED_REASONS = frozenset({"STOPPED_AFTER_CACHED_EVENTS", "FULL_LOAD_ONLY_FINISHED"})
COMPLETED = "Table completed"
IN_ERROR = frozenset({"Table error", "Table cancelled", "Table does not exist"})


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A replication task at one moment."""

    task: str
    arn: str
    status: str
    stop_reason: str
    last_failure: str
    settings: Mapping[str, Any]
    percent_loaded: int
    tables_loaded: int
    tables_loading: int
    tables_queued: int
    tables_errored: int
    started_at: datetime | None
    load_finished_at: datetime | None
    load_started_at: datetime | None = None
    migration_type: str = "full-load-and-cdc"
    mappings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resource_id(self) -> str:
        """Return the last part of the ARN: the task's name in CloudWatch and the control tables."""
        return self.arn.rpartition(":")[2]

    @property
    def loaded(self) -> bool:
        """Tell if the full load is complete and the changes cached during it are applied."""
        if self.status == "stopped" and self.stop_reason in LOADED_REASONS:
            return True
        if self.load_finished_at is None or self.status in ("failed", "starting"):
            return False
        resumed = self.started_at is not None and self.started_at > self.load_finished_at
        return resumed or (self.status == "running" and not stops_after_load(self.settings))


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """DMS's counters of one table, by its name on the source.

    `captured` are the changes read from the source, `applied` those written to the target, each
    as inserts, updates and deletes; `applied` is None with engines that do not count it.
    """

    table: RelationName
    state: str
    full_load_rows: int
    full_load_error_rows: int
    captured: tuple[int, int, int]
    applied: tuple[int, int, int] | None
    validation_state: str
    validation_pending: int
    validation_failed: int
    validation_suspended: int

    @property
    def rows_moved(self) -> int:
        """Return the rows loaded and changes captured, for progress."""
        return self.full_load_rows + sum(self.captured)

    @property
    def unapplied(self) -> bool:
        """Tell if captured changes are not applied yet."""
        return self.applied is not None and any(
            done < seen for seen, done in zip(self.captured, self.applied, strict=True)
        )


def read_task(api: Api, name: str) -> TaskStatus:
    """Return the task of that name; MoverError if there is none."""
    found = find(api, TASK, name)
    if found is None:
        raise MoverError(
            f"DMS in {api.region} has no task {name!r}; check mover.dms, or run with --provision"
        )
    stats = found.get("ReplicationTaskStats", {})
    return TaskStatus(
        name,
        str(found["ReplicationTaskArn"]),
        str(found.get("Status", "")),
        _reason(found.get("StopReason")),
        public_text(found.get("LastFailureMessage")),
        parse_document(found.get("ReplicationTaskSettings"), f"task {name!r}"),
        int(stats.get("FullLoadProgressPercent", 0)),
        int(stats.get("TablesLoaded", 0)),
        int(stats.get("TablesLoading", 0)),
        int(stats.get("TablesQueued", 0)),
        int(stats.get("TablesErrored", 0)),
        stats.get("StartDate"),
        stats.get("FullLoadFinishDate"),
        stats.get("FullLoadStartDate"),
        str(found.get("MigrationType", "full-load-and-cdc")),
        parse_document(found.get("TableMappings"), f"task {name!r}"),
    )


def read_tables(api: Api, task_arn: str) -> tuple[TableStatistics, ...]:
    """Return the statistics of every table of the task, sorted by name."""
    entries = api.pages("describe_table_statistics", "TableStatistics", ReplicationTaskArn=task_arn)
    return tuple(sorted((_table(entry) for entry in entries), key=lambda t: t.table))


def _table(entry: Mapping[str, Any]) -> TableStatistics:
    kinds = ("Inserts", "Updates", "Deletes")
    counted = all(f"Applied{kind}" in entry for kind in kinds)
    return TableStatistics(
        RelationName(str(entry.get("SchemaName")), str(entry.get("TableName"))),
        str(entry.get("TableState", "")),
        int(entry.get("FullLoadRows", 0)),
        int(entry.get("FullLoadErrorRows", 0)),
        _triple(entry, kinds),
        _triple(entry, [f"Applied{kind}" for kind in kinds]) if counted else None,
        str(entry.get("ValidationState", "")),
        int(entry.get("ValidationPendingRecords", 0)),
        int(entry.get("ValidationFailedRecords", 0)),
        int(entry.get("ValidationSuspendedRecords", 0)),
    )


def _triple(entry: Mapping[str, Any], keys: Any) -> tuple[int, int, int]:
    inserts, updates, deletes = (int(entry.get(key, 0)) for key in keys)
    return inserts, updates, deletes


def _reason(text: str | None) -> str:
    """Return the stop reason without the words `Stop Reason` before it."""
    return (text or "").removeprefix("Stop Reason ").strip()
