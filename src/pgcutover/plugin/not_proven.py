"""Lists the data that mapping rules, exclusions and tolerances leave out of the comparison."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pgcutover.context import RunContext
from pgcutover.mapping import LeftOut

_SHOWN = 8  # on the terminal; verdict.json and the page have all


def list_not_proven(context: RunContext) -> tuple[LeftOut, ...]:
    """Return everything about which the verdict says nothing, or says it only within a bound."""
    return (*context.manifest.left_out, *_dropped(context), *_not_compared(context))


def to_plain(entries: tuple[LeftOut, ...]) -> list[dict[str, Any]]:
    """Return the entries as verdict.json has them; `column` is null for a whole table."""
    return [asdict(each) for each in entries]


def terminal_lines(entries: tuple[LeftOut, ...]) -> Iterator[str]:
    """Yield a line for each entry, up to a limit."""
    for each in entries[:_SHOWN]:
        name = each.table if each.column is None else f"{each.table}.{each.column}"
        yield f"not proven  {name}: {each.reason}"
    if len(entries) > _SHOWN:
        yield f"not proven  ... and {len(entries) - _SHOWN} more in the report"


def _dropped(context: RunContext) -> Iterator[LeftOut]:
    """Yield columns that a script or a declared difference drops on the target."""
    reasons = {
        d.object: f"declared dropped: {d.reason}"
        for d in context.settings.differences
        if (d.kind, d.change) == ("column", "dropped")
    }
    expected = context.manifest.expected
    for name in expected.dropped_columns if expected else reasons:
        table, _, column = name.rpartition(".")
        yield LeftOut(table, column, f"not moved: {reasons.get(name, 'a script drops it')}")


def _not_compared(context: RunContext) -> Iterator[LeftOut]:
    for table, own in context.settings.tables.items():
        for left in own.exclude:
            yield LeftOut(table, left.column, f"not compared: {left.reason}")
        for near in own.tolerate:
            reason = f"compared within {near}, not exactly: {near.reason}"
            yield LeftOut(table, near.column, reason)
