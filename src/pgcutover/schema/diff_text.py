"""Differences as a DBA would write them down: the object, what is expected, what was found."""

from collections.abc import Iterator, Sequence

from pgcutover.schema.compare import (
    CHANGED,
    EXTRA,
    MISSING,
    Difference,
    Property,
    held_with,
    shown_value,
)
from pgcutover.schema.objects import SchemaObject
from pgcutover.schema.severity import Severity, describe_object
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_WORDS = {MISSING: "missing", EXTRA: "unexplained", CHANGED: "differs"}


def shown(differences: Sequence[Difference], expected: str, found: str) -> Iterator[str]:
    """The lines of a diff from what is expected to what was found, grave differences first."""
    if not differences:
        return
    yield f"--- {expected}"
    yield f"+++ {found}"
    for each in sorted(differences, key=lambda d: d.severity is not Severity.BLOCK):
        yield from _one(each)


def summed_up(differences: Sequence[Difference], more_blocking: int = 0) -> str:
    """Return one line: the numbers of blocking differences and of warnings."""
    blocking = sum(d.severity is Severity.BLOCK for d in differences)
    warning = len(differences) - blocking
    blocking += more_blocking
    counted = (count_noun(blocking, "blocking difference"), count_noun(warning, "warning"))
    return ", ".join(counted)


def _one(each: Difference) -> Iterator[str]:
    thing = each.object
    more = held_with(each.held)
    warns = "" if each.severity is Severity.BLOCK else ", warning"
    yield f"@@ {describe_object(thing.kind, thing.name)} {_WORDS[each.change]}{more}{warns} @@"
    if each.change == CHANGED:
        for prop in each.properties:
            yield from _property(prop)
    else:
        yield from _lines("-" if each.change == MISSING else "+", _text(thing))


def _property(prop: Property) -> Iterator[str]:
    name = prop.name.replace("_", " ")
    yield from _lines("-", f"{name}: {shown_value(prop.expected)}")
    yield from _lines("+", f"{name}: {shown_value(prop.found)}")


def _text(thing: SchemaObject) -> str:
    """Its definition, or its properties where another object's definition makes it."""
    if thing.definition:
        return thing.definition
    told = [f"{n.replace('_', ' ')}: {shown_value(v)}" for n, v in thing.facts.items() if v]
    return "\n".join(told) or thing.name


def _lines(mark: str, text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield f"{mark} {line}"


def make_finding(difference: Difference) -> Finding:
    """Return a difference as a finding, with both definitions as its evidence."""
    thing = difference.object
    expected, found = _evidence(difference)
    evidence = {
        "kind": thing.kind,
        "expected": expected,
        "found": found,
        "properties": [p.name for p in difference.properties],
    }
    words = {MISSING: "missing", EXTRA: "unexpected", CHANGED: "differs"}
    name = f"{thing.kind.replace('_', ' ')} {words[difference.change]}"
    return Finding(thing.name, name, str(difference), evidence)


def _evidence(difference: Difference) -> tuple[str, str]:
    """Return both definitions, or the properties that differ where these are equal."""
    one, other = difference.expected, difference.found
    if one and other and one.definition == other.definition:
        properties = difference.properties
        expected = [f"{p.name.replace('_', ' ')}: {shown_value(p.expected)}" for p in properties]
        found = [f"{p.name.replace('_', ' ')}: {shown_value(p.found)}" for p in properties]
        return "; ".join(expected), "; ".join(found)
    return one.definition if one else "", other.definition if other else ""
