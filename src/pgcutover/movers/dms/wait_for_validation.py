"""Asking DMS of one table again while its validation or its changes are still under way."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms.checks import MoverDiff, judge_table, undecided
from pgcutover.movers.dms.partition_statistics import statistics_of
from pgcutover.movers.dms.task_status import TableStatistics

_AT_MOST = 4  # times idle_seconds, however much progress there is
_CHANGES = 1 / 3  # of idle_seconds: changes under way arrive much sooner than validations


@dataclass(slots=True)
class Patience:
    """Wait on while DMS gets on with any table, but only `idle_seconds` while it does not."""

    idle_seconds: float
    clock: Callable[[], float] = time.monotonic
    _backlog: tuple[int, int] | None = None
    _idle_until: float = 0.0
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the time that no progress can extend."""
        self._begun = self.clock()

    def for_changes(self) -> bool:
        """Whether changes under way may still explain what was found."""
        return self.clock() < self._begun + self.idle_seconds * _CHANGES

    def for_validation(self, tables: Sequence[TableStatistics]) -> bool:
        """Whether to ask again, given what DMS says of all tables now."""
        now = self.clock()
        backlog = sum(map(undecided, tables)), sum(t.validation_pending for t in tables)
        if self._backlog is None or backlog < self._backlog:
            self._backlog, self._idle_until = backlog, now + self.idle_seconds
        return now < min(self._idle_until, self._begun + self.idle_seconds * _AT_MOST)


def judge_settled_table(
    table: MappedTable,
    read: Callable[[], Sequence[TableStatistics]],
    rows: Callable[[], tuple[int, int]],
    patience: Patience,
    poll_seconds: float,
) -> MoverDiff:
    """The answer for one table once it is final, or once patience has ended."""
    while True:
        tables = read()
        statistics = statistics_of(table, tables)
        waits = patience.for_validation(tables)
        try:
            diff = judge_table(table, statistics, rows)
        except UnreadableError:
            if not waits:
                raise
        else:
            if not (diff.may_settle and patience.for_changes()):
                return diff
        time.sleep(poll_seconds)


def row_counter(
    table: MappedTable, source: "psycopg.Connection[Any]", target: "psycopg.Connection[Any]"
) -> Callable[[], tuple[int, int]]:
    """Counts both sides when first asked, in the snapshots of their sessions."""
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
