"""Table statistics as DescribeTableStatistics shows them."""

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
    """The statistics of one task's tables; safe to use from its threads."""

    def __init__(self, store: Store, task: Record) -> None:
        """Statistics live in the task's record and so outlive this process."""
        self._store = store
        self._task = task

    def begin(self, expected_rows: Mapping[Name, int], anew: bool, validated: bool) -> None:
        """A row for each table; those of an earlier run stay unless the task starts anew."""
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
        """Some members of a table's row changed."""
        with self._store.lock:
            row = self._row(table)
            row.update(members, LastUpdateTime=time.time())

    def state(self, table: Name) -> str:
        """The table's TableState."""
        with self._store.lock:
            return str(self._row(table)["TableState"])

    def get(self, table: Name, member: str) -> Any:
        """One member of a table's row."""
        with self._store.lock:
            return self._row(table)[member]

    def add(self, counts: Mapping[tuple[Name, str], int]) -> None:
        """Counters of several tables grow."""
        now = time.time()
        with self._store.lock:
            for (table, member), count in counts.items():
                row = self._row(table)
                row[member] += count
                row["LastUpdateTime"] = now

    def in_state(self, state: str) -> Iterable[str]:
        """The tables, as `schema.table`, in a state."""
        with self._store.lock:
            rows = self._task.hidden["tables"].items()
            return [name for name, row in rows if row["TableState"] == state]

    def save(self) -> None:
        """Let a later process know."""
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
