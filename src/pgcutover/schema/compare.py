"""What differs between two schemas read by the same queries. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from pgcutover.errors import UnreadableError
from pgcutover.schema.objects import SchemaObject, Snapshot, Value
from pgcutover.schema.severity import Severity, rule_of

MISSING, EXTRA, CHANGED = "missing", "extra", "changed"
_HOLDERS = ("table", "partition", "foreign_table", "view", "materialized_view")


# what these are about is in their name
_NAMED_WHOLE = ("owner", "grant", "comment", "security_label", "storage")


@dataclass(frozen=True, slots=True)
class Property:
    """A property that differs; None where a side does not have it."""

    name: str
    expected: Value
    found: Value

    def __str__(self) -> str:
        """What it is, what was expected, what was found."""
        expected, found = shown_value(self.expected), shown_value(self.found)
        return f"{self.name.replace('_', ' ')}: expected {expected}, found {found}"


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
        told = "; ".join(map(str, self.properties))
        return f"{thing} differs: {told}"


_GRANTS = (
    "grant", "default_privilege", "database_grant", "extension_grant", "system_grant",
    "parameter_grant",
)  # fmt: skip


def concerns_role(difference: Difference, roles: Collection[str]) -> bool:
    """Return whether a difference is a role itself, its settings, or grants to it.

    The gate's own roles, and what they need, are no part of the application.
    """
    kind, name = difference.object.kind, difference.object.name
    for role in roles:
        if kind in _GRANTS:
            if name.endswith(f" to {role}"):
                return True
        elif (kind == "role" and name == role) or (
            kind == "role_setting" and f" of {role} in " in name
        ):
            return True
    return False


def differences(
    expected: Snapshot, found: Snapshot, kinds: Collection[str]
) -> tuple[Difference, ...]:
    """Every difference in objects of some kinds, sorted; UnreadableError where a side is unread."""
    for side, snapshot in (("what is expected", expected), ("what was found", found)):
        for kind in kinds:
            if kind in snapshot.unread:
                raise UnreadableError(f"{kind} objects of {side}: {snapshot.unread[kind]}")
    one = {o.identity: o for o in expected.objects if o.kind in kinds}
    other = {o.identity: o for o in found.objects if o.kind in kinds}
    lost, added = _Gone.of(expected, found), _Gone.of(found, expected)
    result = [
        *_alone(MISSING, one, other.keys(), lost, expected.objects),
        *_alone(EXTRA, other, one.keys(), added, found.objects),
        *_changed(one, other),
    ]
    return tuple(sorted(result, key=lambda d: (d.object.identity, d.change)))


@dataclass(frozen=True, slots=True)
class _Gone:
    """What one side has and the other has not, with all that belongs to it.

    `relations` hold columns, constraints and the like; `subjects` are what rights are about, as
    these name it: whatever there is has an owner.
    """

    relations: Collection[str]
    subjects: Collection[str]

    @classmethod
    def of(cls, one: Snapshot, other: Snapshot) -> "_Gone":
        return cls(_holders(one) - _holders(other), _subjects(one) - _subjects(other))

    def explains(self, each: SchemaObject) -> bool:
        """Whether it is gone because what it belongs to is."""
        if each.table in self.relations or each.kind == "owner":
            return True
        return each.kind == "grant" and each.name.rpartition(" to ")[0] in self.subjects


def _holders(snapshot: Snapshot) -> set[str]:
    return {o.name for o in snapshot.objects if o.kind in _HOLDERS}


def _subjects(snapshot: Snapshot) -> set[str]:
    words = {"sequence": "sequence ", "column": "table column ", "owner": ""}
    return {words[o.kind] + o.name for o in snapshot.objects if o.kind in words}


def _alone(
    change: str,
    objects: dict[tuple[str, str], SchemaObject],
    known: Collection[tuple[str, str]],
    gone: _Gone,
    everything: Iterable[SchemaObject],
) -> Iterator[Difference]:
    """Objects of one side; those that belong to another that is gone are told with it."""
    held = Counter(each.table for each in everything if each.table in gone.relations)
    for identity, each in objects.items():
        rule = rule_of(each.kind)
        severity = rule.alone(each, missing=change == MISSING)
        if identity in known or gone.explains(each) or severity is None:
            continue
        count = held[each.name] if each.kind in _HOLDERS else 0
        expected, found = (each, None) if change == MISSING else (None, each)
        yield Difference(change, severity, expected, found, (), count)


def _changed(
    one: dict[tuple[str, str], SchemaObject], other: dict[tuple[str, str], SchemaObject]
) -> Iterator[Difference]:
    for identity in one.keys() & other.keys():
        expected, found = one[identity], other[identity]
        told_where = rule_of(expected.kind).told_where
        names = sorted((expected.facts.keys() | found.facts.keys()) - {told_where})
        properties = [
            Property(name, expected.facts.get(name), found.facts.get(name))
            for name in names
            if expected.facts.get(name) != found.facts.get(name)
        ]
        if expected.table != found.table and expected.kind not in _NAMED_WHOLE:
            properties.append(Property("table", expected.table, found.table))
        if properties:
            severity = _worst(expected.kind, properties)
            yield Difference(CHANGED, severity, expected, found, tuple(properties))


def _worst(kind: str, properties: Iterable[Property]) -> Severity:
    rule = rule_of(kind)
    found = {rule.of(p.name, p.expected, p.found) for p in properties}
    return Severity.BLOCK if Severity.BLOCK in found else Severity.WARN


def shown_value(value: Value) -> str:
    """A property's value in words."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
