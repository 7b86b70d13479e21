"""Table statistics of DescribeTableStatistics."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.http.store import Record, Store
from pgcutover.awslocal.mapping.table_plan import dotted

BEFORE_LOAD = "Before load"
FULL_LOAD = "Full load"
COMPLETED = "Table completed"
CANCELLED = "Table cancelled"
ERROR = "Table error"
RELOADING = "Table is being reloaded"

_COUNTERS = (
    "Inserts",
    "Deletes",
    "Updates",
    "Ddls",
    "AppliedInserts",
    "AppliedDeletes",
    "AppliedUpdates",
    "AppliedDdls",
    "FullLoadRows",
    "FullLoadCondtnlChkFailedRows",
    "FullLoadErrorRows",
    "ValidationPendingRecords",
    "ValidationFailedRecords",
    "ValidationSuspendedRecords",
)


class TaskStatistics:
    """The statistics of a task's tables; thread-safe."""

    def __init__(self, store: Store, task: Record) -> None:
        """Statistics are part of the task's record and survive this process."""
        self._store = store
        self._task = task

    def begin(self, expected_rows: Mapping[Name, int], anew: bool, validated: bool) -> None:
        """Add a row for each table; rows of an earlier run are kept unless the task restarts."""
        state = "Pending records" if validated else "Not enabled"
        with self._store.lock:
            old = {} if anew else self._task.hidden["tables"]
            self._task.hidden["tables"] = {
                dotted(name): old.get(dotted(name)) or _blank(name, state) for name in expected_rows
            }
            self._task.hidden["expected_rows"] = {
                dotted(name): rows for name, rows in expected_rows.items()
            }
            self._store.save()

    def set(self, table: Name, **members: Any) -> None:
        """Set members of a table's row."""
        with self._store.lock:
            row = self._row(table)
            row.update(members, LastUpdateTime=time.time())

    def state(self, table: Name) -> str:
        """Return the table's TableState."""
        with self._store.lock:
            return str(self._row(table)["TableState"])

    def get(self, table: Name, member: str) -> Any:
        """Return one member of a table's row."""
        with self._store.lock:
            return self._row(table)[member]

    def add(self, counts: Mapping[tuple[Name, str], int]) -> None:
        """Add to the counters of several tables."""
        now = time.time()
        with self._store.lock:
            for (table, member), count in counts.items():
                row = self._row(table)
                row[member] += count
                row["LastUpdateTime"] = now

    def in_state(self, state: str) -> Iterable[str]:
        """Return the tables in a state, as `schema.table`."""
        with self._store.lock:
            rows = self._task.hidden["tables"].items()
            return [name for name, row in rows if row["TableState"] == state]

    def save(self) -> None:
        """Save the statistics for a later process."""
        with self._store.lock:
            self._store.save()

    def _row(self, table: Name) -> dict[str, Any]:
        row: dict[str, Any] = self._task.hidden["tables"][dotted(table)]
        return row


def _blank(name: Name, validation_state: str) -> dict[str, Any]:
    return {
        "SchemaName": name[0],
        "TableName": name[1],
        **dict.fromkeys(_COUNTERS, 0),
        "LastUpdateTime": time.time(),
        "TableState": BEFORE_LOAD,
        "ValidationState": validation_state,
        "FullLoadReloaded": False,
    }
