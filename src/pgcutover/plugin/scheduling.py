"""Distribution of checks to xdist workers: all checks of one table run on one worker.

The controller collects no items and receives node ids only, so it finds a check's table by the
parameter id in the node id. xdist's own groups do not reach the workers: `--dist loadgroup` set by
a plugin is not passed on, and since pytest 9.2 a changed node id is ignored.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from pgcutover.mapping import MappedTable

# every printable ASCII character but %, [, ], :, and \, which quote() escapes
_UNESCAPED = " !\"#$&'()*+,-./;<=>?@^_`{|}~"


def parameter_id(value: object) -> str:
    """Return the pytest id of an object: ASCII, unique, and without characters of a node id."""
    return quote(str(value), safe=_UNESCAPED)


def table_of(value: object) -> str:
    """Return the target name of the table that an object belongs to; empty without one."""
    return str(getattr(value, "table", None) or (value if isinstance(value, MappedTable) else ""))


def tables_by_id(objects: Mapping[str, Iterable[object]]) -> dict[str, str]:
    """Return the table of each parameter id; a table's own id always means that table."""
    values = [value for kind in objects.values() for value in kind]
    values.sort(key=lambda value: isinstance(value, MappedTable))
    return {parameter_id(value): table for value in values if (table := table_of(value))}


class TableScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """xdist scheduler whose unit of work is a table; a check without a table is its own unit."""

    def __init__(self, config: pytest.Config, log: Any, tables: Mapping[str, str]) -> None:
        """Start with the tables by parameter id."""
        config.option.loadscopereorder = False  # keep the workers' order: biggest table first
        super().__init__(config, log)
        self._tables = tables

    def _split_scope(self, nodeid: str) -> str:
        parameter = nodeid.rpartition("[")[2].removesuffix("]")
        return self._tables.get(parameter, nodeid)

    def _reschedule(self, node: Any) -> None:
        # xdist fills up at 2 pending checks; a worker would then keep a table waiting behind its
        # own while another worker has nothing to do. 1 is the least: a worker runs an item only
        # when it knows the next one
        if self.workqueue and self._pending_of(self.assigned_work[node]) > 1:
            return
        super()._reschedule(node)
