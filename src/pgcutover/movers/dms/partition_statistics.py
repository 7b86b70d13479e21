"""Statistics of a table that DMS moves partition by partition."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from pgcutover.mapping import MappedTable
from pgcutover.movers.dms.task_status import COMPLETED, IN_ERROR, TableStatistics

_VALIDATED = ("Validated", "No primary key")


def statistics_of(table: MappedTable, tables: Iterable[TableStatistics]) -> TableStatistics | None:
    """Return one table's statistics, added up over its partitions; None if DMS lacks any."""
    names = table.partitions or (table.source,)
    found = [each for each in tables if each.table in names]
    if len(found) < len(names):
        return None
    return found[0] if len(found) == 1 else _added_up(found)


def _added_up(parts: Sequence[TableStatistics]) -> TableStatistics:
    applied = [part.applied for part in parts if part.applied is not None]
    return replace(
        parts[0],
        state=_worst([part.state for part in parts], (COMPLETED,)),
        full_load_rows=sum(part.full_load_rows for part in parts),
        full_load_error_rows=sum(part.full_load_error_rows for part in parts),
        captured=_added([part.captured for part in parts]),
        applied=_added(applied) if len(applied) == len(parts) else None,
        validation_state=_worst([part.validation_state for part in parts], _VALIDATED),
        validation_pending=sum(part.validation_pending for part in parts),
        validation_failed=sum(part.validation_failed for part in parts),
        validation_suspended=sum(part.validation_suspended for part in parts),
    )


def _worst(states: Sequence[str], good: Collection[str]) -> str:
    """Return a state of error, else one that is not good yet, else the first."""
    by_severity = sorted(states, key=lambda state: (state not in IN_ERROR, state in good))
    return by_severity[0]


def _added(counters: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    inserts, updates, deletes = (sum(column) for column in zip(*counters, strict=True))
    return inserts, updates, deletes
