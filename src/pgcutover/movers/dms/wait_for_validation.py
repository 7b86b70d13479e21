"""Waits until DMS has validated one table and applied its changes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms.checks import MoverDiff, is_undecided, judge_table
from pgcutover.movers.dms.partition_statistics import statistics_of
from pgcutover.movers.dms.task_status import TableStatistics

_AT_MOST = 4  # times idle_seconds, even while the validation advances
_CHANGES = 1 / 3  # of idle_seconds: changes are applied much sooner than validated


@dataclass(slots=True)
class WaitPolicy:
    """Waits while the validation of any table advances, and `idle_seconds` after it last did."""

    idle_seconds: float
    clock: Callable[[], float] = time.monotonic
    _backlog: tuple[int, int] | None = None
    _idle_until: float = 0.0
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the time limit, which no progress extends."""
        self._begun = self.clock()

    def for_changes(self) -> bool:
        """Tell if changes that are not applied yet may still explain a problem."""
        return self.clock() < self._begun + self.idle_seconds * _CHANGES

    def for_validation(self, tables: Sequence[TableStatistics]) -> bool:
        """Tell if waiting may help, by the present statistics of all tables."""
        now = self.clock()
        backlog = sum(map(is_undecided, tables)), sum(t.validation_pending for t in tables)
        if self._backlog is None or backlog < self._backlog:
            self._backlog, self._idle_until = backlog, now + self.idle_seconds
        return now < min(self._idle_until, self._begun + self.idle_seconds * _AT_MOST)


def judge_table_when_final(
    table: MappedTable,
    read: Callable[[], Sequence[TableStatistics]],
    rows: Callable[[], tuple[int, int]],
    policy: WaitPolicy,
    poll_seconds: float,
) -> MoverDiff:
    """Return the result of one table once it is final, or the wait has ended."""
    while True:
        tables = read()
        statistics = statistics_of(table, tables)
        waits = policy.for_validation(tables)
        try:
            diff = judge_table(table, statistics, rows)
        except UnreadableError:
            if not waits:
                raise
        else:
            if not (diff.may_be_transient and policy.for_changes()):
                return diff
        time.sleep(poll_seconds)


def wait_until_validated(
    read: Callable[[], Sequence[TableStatistics]], policy: WaitPolicy, poll_seconds: float
) -> bool:
    """Return whether DMS has validated all tables, once it has or its validation has stalled."""
    while True:
        tables = read()
        if not any(map(is_undecided, tables)):
            return True
        if not policy.for_validation(tables):
            return False
        time.sleep(poll_seconds)


def make_row_counter(
    table: MappedTable, source: "psycopg.Connection[Any]", target: "psycopg.Connection[Any]"
) -> Callable[[], tuple[int, int]]:
    """Return a function that counts both sides on its first call, in their sessions' snapshots."""
    known: list[tuple[int, int]] = []

    def rows() -> tuple[int, int]:
        if not known:
            known.append((_count(source, table.source), _count(target, table.target)))
        return known[0]

    return rows


def _count(connection: "psycopg.Connection[Any]", name: RelationName) -> int:
    statement = sql.SQL("select count(*) from {}").format(sql.Identifier(name.schema, name.name))
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0
