"""What differs between two schemas read by the same queries. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from pgcutover.errors import UnreadableError
from pgcutover.schema.objects import SchemaObject, Snapshot, Value
from pgcutover.schema.rules import Severity, rule_of

MISSING, EXTRA, CHANGED = "missing", "extra", "changed"
_HOLDERS = ("table", "partition", "foreign_table", "view", "materialized_view")


@dataclass(frozen=True, slots=True)
class Property:
    """A property that differs; None where a side does not have it."""

    name: str
    expected: Value
    found: Value


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not as expected; `held` counts objects that are gone, or here, with it."""

    change: str
    severity: Severity
    expected: SchemaObject | None
    found: SchemaObject | None
    properties: tuple[Property, ...] = ()
    held: int = 0

    @property
    def object(self) -> SchemaObject:
        """The object, as expected or else as found."""
        known = self.expected or self.found
        assert known is not None  # noqa: S101 - one of the two there always is
        return known

    def about(self, only: Collection[str], but: Collection[str]) -> "Difference | None":
        """What is left of it when only some properties are asked about, or some are not."""
        if self.change != CHANGED:
            return None if only else self
        kept = tuple(
            p for p in self.properties if p.name not in but and (not only or p.name in only)
        )
        if not kept:
            return None
        return replace(self, properties=kept, severity=_worst(self.object.kind, kept))

    def __str__(self) -> str:
        """One sentence: object, what is expected, what was found."""
        thing = f"{rule_of(self.object.kind).words} {self.object.name}"
        more = f" with {self.held} objects that belong to it" if self.held else ""
        if self.change == MISSING:
            return f"{thing} is missing on the target{more}"
        if self.change == EXTRA:
            return f"{thing} is on the target{more}, and nothing explains it"
        told = "; ".join(
            f"{p.name.replace('_', ' ')}: expected {_shown(p.expected)}, found {_shown(p.found)}"
            for p in self.properties
        )
        return f"{thing} differs: {told}"


def differences(
    expected: Snapshot, found: Snapshot, kinds: Collection[str]
) -> tuple[Difference, ...]:
    """Every difference in objects of some kinds, sorted; UnreadableError where a side is unread."""
    for side, snapshot in (("expected schema", expected), ("target", found)):
        for kind in kinds:
            if kind in snapshot.unread:
                raise UnreadableError(f"{kind} of the {side}: {snapshot.unread[kind]}")
    one = {o.identity: o for o in expected.objects if o.kind in kinds}
    other = {o.identity: o for o in found.objects if o.kind in kinds}
    holders = _holders(expected), _holders(found)
    result = [
        *_alone(MISSING, one, other.keys(), holders[0] - holders[1], expected.objects),
        *_alone(EXTRA, other, one.keys(), holders[1] - holders[0], found.objects),
        *_changed(one, other),
    ]
    return tuple(sorted(result, key=lambda d: (d.object.identity, d.change)))


def _holders(snapshot: Snapshot) -> set[str]:
    return {o.name for o in snapshot.objects if o.kind in _HOLDERS}


def _alone(
    change: str,
    objects: dict[tuple[str, str], SchemaObject],
    known: Collection[tuple[str, str]],
    lost: set[str],
    everything: Iterable[SchemaObject],
) -> Iterator[Difference]:
    """Objects of one side; those of a relation that the other side lacks are told with it."""
    held: dict[str, int] = {}
    for each in everything:
        if each.table in lost:
            held[each.table] = held.get(each.table, 0) + 1
    for identity, each in objects.items():
        if identity in known or each.table in lost:
            continue
        rule = rule_of(each.kind)
        count = held.get(each.name, 0) if each.kind in _HOLDERS else 0
        if change == MISSING:
            yield Difference(change, rule.missing, each, None, (), count)
        else:
            yield Difference(change, rule.extra, None, each, (), count)


def _changed(
    one: dict[tuple[str, str], SchemaObject], other: dict[tuple[str, str], SchemaObject]
) -> Iterator[Difference]:
    for identity in one.keys() & other.keys():
        expected, found = one[identity], other[identity]
        names = sorted(expected.facts.keys() | found.facts.keys())
        properties = [
            Property(name, expected.facts.get(name), found.facts.get(name))
            for name in names
            if expected.facts.get(name) != found.facts.get(name)
        ]
        if expected.table != found.table:
            properties.append(Property("table", expected.table, found.table))
        if properties:
            severity = _worst(expected.kind, properties)
            yield Difference(CHANGED, severity, expected, found, tuple(properties))


def _worst(kind: str, properties: Iterable[Property]) -> Severity:
    rule = rule_of(kind)
    found = {rule.of(p.name, p.expected, p.found) for p in properties}
    return Severity.BLOCK if Severity.BLOCK in found else Severity.WARN


def _shown(value: Value) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
