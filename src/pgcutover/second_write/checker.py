"""The checks of an application's second write, over sessions that are opened for each."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from pgcutover.catalog import Manifest
from pgcutover.compare.options import TableOptions
from pgcutover.compare.plan.recent_window import fetch_recent_window
from pgcutover.compare.plan.spec import resolve_tables
from pgcutover.connect import Connection, open_side
from pgcutover.diff import Diff
from pgcutover.mapping import MappedTable
from pgcutover.second_write.generated import sequences_diff, triggers_diff
from pgcutover.second_write.recent import (
    RecentRow,
    classify,
    fetch_recent,
    read_generated,
    recent_diff,
)
from pgcutover.sides import LABELS, Sides


class SecondWriteChecker:
    """Judges both sides of an application that writes to each of them itself."""

    def __init__(
        self,
        dsns: Sides[str],
        manifest: Manifest,
        options: Mapping[str, TableOptions],
        window_hours: float,
        settle_seconds: float,
    ) -> None:
        """Connect to nothing yet."""
        self._dsns, self._manifest, self._options = dsns, manifest, options
        self._window_hours, self._settle_seconds = window_hours, settle_seconds

    def triggers(self) -> Diff:
        """Find triggers that fire on both sides."""
        with ExitStack() as stack:
            return triggers_diff(self._open(stack), self._manifest.tables)

    def sequences(self) -> Diff:
        """Find sequences that can give one value on both sides."""
        with ExitStack() as stack:
            return sequences_diff(self._open(stack), self._manifest.tables)

    def recent(self, table: MappedTable) -> Diff:
        """Classify the recent rows of a table that differ twice, `settle_seconds` apart."""
        with ExitStack() as stack:
            opened = self._open(stack)
            first = self._read(opened, table)
            causes = classify(*first)
            if not causes:
                return recent_diff(str(table), {}, {}, first)
            opened.map(Connection.rollback)  # the next reading has new snapshots
            time.sleep(self._settle_seconds)
            second = self._read(opened, table)
        return recent_diff(str(table), causes, classify(*second), second)

    def _read(self, opened: Sides[Connection], table: MappedTable) -> Sides[list[RecentRow]]:
        options = self._options.get(str(table), TableOptions())
        tables = resolve_tables(self._manifest, table, options)
        column = dict(self._manifest.recent_columns)[str(table)]
        conditions = fetch_recent_window(opened.source, table, column, self._window_hours)
        made = read_generated(opened.source, tables.source)
        renamed = dict(zip(tables.source.columns, tables.target.columns, strict=True))
        there = [renamed[name] for name in made if name in renamed]
        source = fetch_recent(
            opened.source, LABELS.source, tables.source, column, conditions.source, made
        )
        own = table.target_column(column)
        target = fetch_recent(
            opened.target, LABELS.target, tables.target, own, conditions.target, there
        )
        return Sides(source, target)

    def _open(self, stack: ExitStack) -> Sides[Connection]:
        return LABELS.combine(
            self._dsns, lambda label, dsn: stack.enter_context(open_side(label, dsn))
        )
