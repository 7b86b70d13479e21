"""The LOB mode of each table: the task's, unless a table-settings rule gives the table its own.

DMS user guide, "Table and collection settings rules and operations": mode `none` is the task's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pgcutover.mapping import RelationName
from pgcutover.movers.dms.settings.lob_size import LobColumn
from pgcutover.movers.dms.settings.task_settings import LobMode, lob_mode


def truncated_columns(
    columns: Sequence[LobColumn], settings: object, mappings: Mapping[str, Any]
) -> list[tuple[LobColumn, LobMode]]:
    """Return the columns whose largest value DMS would truncate or leave out, largest first."""
    own, general = _modes(mappings), lob_mode(settings)
    found = [(column, own.get(column.table, general)) for column in columns]
    found.sort(key=lambda each: -each[0].largest_bytes)
    return [(c, mode) for c, mode in found if c.largest_bytes and mode.truncates(c.largest_bytes)]


def _modes(mappings: Mapping[str, Any]) -> dict[RelationName, LobMode]:
    rules = [r for r in mappings.get("rules", []) if r.get("rule-type") == "table-settings"]
    return {
        RelationName(locator.get("schema-name", ""), locator.get("table-name", "")): _mode(lobs)
        for rule in rules
        if (lobs := rule.get("lob-settings") or {}).get("mode", "limited") != "none" and lobs
        for locator in [rule.get("object-locator", {})]
    }


def _mode(lobs: Mapping[str, Any]) -> LobMode:
    if lobs.get("mode") == "unlimited":
        return LobMode(supported=True, limit_kb=None)
    size = str(lobs.get("bulk-max-size", ""))
    limited = lobs.get("mode", "limited") == "limited" and size.isdigit()
    return LobMode(supported=limited, limit_kb=int(size) if limited else None)
