"""Orders CREATE statements so that referenced objects are created first."""

import re
from collections.abc import Iterator, Sequence

from pgcutover.schema.compare import Difference
from pgcutover.schema.fix.sql_names import RELATIONS, ROUTINES

Step = tuple[Difference, str]

_PART = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_QUALIFIED = re.compile(rf"{_PART}\.{_PART}")
# only these are referenced by a qualified name
_QUALIFIED_KINDS = {
    *RELATIONS, *ROUTINES, "enum", "domain", "composite", "range", "base_type", "collation",
    "sequence",
}  # fmt: skip


def sort_by_dependency(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with each referenced object created before its use, except in cycles."""
    makers: dict[str, list[int]] = {}
    for n, (each, statement) in enumerate(steps):
        name = _QUALIFIED.match(each.object.name)
        if name and each.object.kind in _QUALIFIED_KINDS and _creates(statement):
            makers.setdefault(name[0], []).append(n)
    done: dict[int, None] = {}
    for n in range(len(steps)):
        _visit(n, steps, makers, done, set())
    return [steps[n] for n in done]


def _visit(
    n: int,
    steps: Sequence[Step],
    makers: dict[str, list[int]],
    done: dict[int, None],
    waiting: set[int],
) -> None:
    """Add the steps that a step depends on, then the step; cycles keep their order."""
    if n in done or n in waiting:
        return
    waiting.add(n)
    if _creates(steps[n][1]):
        for needed in (m for name in _referenced_names(*steps[n]) for m in makers.get(name, ())):
            _visit(needed, steps, makers, done, waiting)
    done[n] = None


def _referenced_names(difference: Difference, statement: str) -> Iterator[str]:
    """Return qualified names, without those in a string body, which is only parsed when it runs."""
    if difference.object.kind in ROUTINES:
        statement = re.split(r"\nAS [$']", statement, maxsplit=1)[0]
    return (found[0] for found in _QUALIFIED.finditer(statement))


def _creates(statement: str) -> bool:
    return statement[:7].lower() == "create "
