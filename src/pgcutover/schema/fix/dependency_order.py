"""What statements create, and what they mention: whatever is mentioned is made first."""

import re
from collections.abc import Iterator, Sequence

from pgcutover.schema.compare import Difference
from pgcutover.schema.fix.sql_names import RELATIONS, ROUTINES

Step = tuple[Difference, str]

_PART = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_QUALIFIED = re.compile(rf"{_PART}\.{_PART}")
# only these are mentioned by a name of two parts
_MENTIONED = {
    *RELATIONS, *ROUTINES, "enum", "domain", "composite", "range", "base_type", "collation",
    "sequence",
}  # fmt: skip


def needed_first(steps: Sequence[Step]) -> list[Step]:
    """The same steps; what a statement that creates mentions stands before it, if it can."""
    makers: dict[str, list[int]] = {}
    for n, (each, statement) in enumerate(steps):
        name = _QUALIFIED.match(each.object.name)
        if name and each.object.kind in _MENTIONED and _creates(statement):
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
    """Puts a step behind those it needs; two that need each other stay as they are."""
    if n in done or n in waiting:
        return
    waiting.add(n)
    if _creates(steps[n][1]):
        for needed in (m for name in _mentioned(*steps[n]) for m in makers.get(name, ())):
            _visit(needed, steps, makers, done, waiting)
    done[n] = None


def _mentioned(difference: Difference, statement: str) -> Iterator[str]:
    """Qualified names; a routine's body that is a string is looked at when it runs."""
    if difference.object.kind in ROUTINES:
        statement = re.split(r"\nAS [$']", statement, maxsplit=1)[0]
    return (found[0] for found in _QUALIFIED.finditer(statement))


def _creates(statement: str) -> bool:
    return statement[:7].lower() == "create "
