"""The action for a change that cannot be applied, from ErrorBehavior of the task settings."""

from collections import Counter
from dataclasses import dataclass, field

import psycopg

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.dms_api.task_settings import TaskSettings

IGNORE, LOG, SUSPEND, STOP = "IGNORE_RECORD", "LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK"
_APPLY_POLICY = {
    "insert": "ApplyErrorInsertPolicy",
    "upsert": "ApplyErrorInsertPolicy",
    "update": "ApplyErrorUpdatePolicy",
    "delete": "ApplyErrorDeletePolicy",
}
_DATA_CLASSES = ("22", "54")
_CONFLICT_CLASS = "23"


@dataclass(slots=True)
class ErrorPolicy:
    """Chooses actions and counts errors for escalation."""

    settings: TaskSettings
    _conflicts: Counter[Name] = field(default_factory=Counter)
    _data_errors: Counter[Name] = field(default_factory=Counter)
    _table_errors: int = 0

    def missing_row(self, table: Name, action: str) -> str:
        """Return the action for an update or delete that affected no row."""
        return self._escalated(table, self.settings.policy(_APPLY_POLICY[action]))

    def failed(self, table: Name, action: str, error: psycopg.Error) -> str:
        """Return the action for a change that the target refused."""
        kind = (error.sqlstate or "")[:2]
        if kind == _CONFLICT_CLASS:
            return self._escalated(table, self.settings.policy(_APPLY_POLICY[action]))
        if kind in _DATA_CLASSES:
            return self._data(table)
        return self.table_error()

    def table_error(self) -> str:
        """Return the action for a table that cannot continue."""
        self._table_errors += 1
        limit = self.settings.of("ErrorBehavior", "TableErrorEscalationCount")
        if limit and self._table_errors >= limit:
            return STOP
        return self.settings.policy("TableErrorPolicy")

    def _escalated(self, table: Name, policy: str) -> str:
        if policy not in (IGNORE, LOG):
            return policy
        self._conflicts[table] += 1
        limit = self.settings.of("ErrorBehavior", "ApplyErrorEscalationCount")
        if limit and self._conflicts[table] >= limit:
            return self.settings.policy("ApplyErrorEscalationPolicy")
        return policy

    def _data(self, table: Name) -> str:
        policy = self.settings.policy("DataErrorPolicy")
        if policy not in (IGNORE, LOG):
            return policy
        self._data_errors[table] += 1
        limit = self.settings.of("ErrorBehavior", "DataErrorEscalationCount")
        if limit and self._data_errors[table] >= limit:
            return self.settings.policy("DataErrorEscalationPolicy")
        return policy
