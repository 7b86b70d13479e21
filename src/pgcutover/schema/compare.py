"""Compares two schemas that were read by the same queries. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

from pgcutover.errors import UnreadableError
from pgcutover.schema.objects import SchemaObject, Snapshot, Value
from pgcutover.schema.severity import Severity, describe_object, rule_of
from pgcutover.text.words import agree, count_noun

MISSING, EXTRA, CHANGED = "missing", "extra", "changed"
_HOLDERS = ("table", "partition", "foreign_table", "view", "materialized_view")
# the names of these objects include the relation's name, so `table` is not compared again
_NAMED_AFTER_TABLE = ("owner", "grant", "comment", "security_label", "storage")
# properties without which an existing object has no effect, and the command that fixes them
_NOT_IN_FORCE: Mapping[tuple[str, str], str] = {
    ("index", "usable"): (
        "is INVALID on the target (not valid, ready and live on every partition); reindex it, or "
        "create and attach the indexes that partitions lack"
    ),
    ("foreign_key", "validated"): (
        "is NOT VALID on the target, so rows may violate it; run alter table ... validate "
        "constraint"
    ),
    ("foreign_key", "firing"): (
        "is not enforced on the target, because its triggers are disabled; run alter table ... "
        "enable trigger all on both tables"
    ),
    ("foreign_key", "enforced"): "is not enforced on the target: it is marked NOT ENFORCED",
    ("trigger", "enabled"): "is disabled on the target; run alter table ... enable trigger",
    ("rule", "enabled"): "is disabled on the target; run alter table ... enable rule",
    ("event_trigger", "enabled"): "is disabled on the target; run alter event trigger ... enable",
}
_OFF: tuple[Value, ...] = (False, "no", "disabled")


Objects = Mapping[str, SchemaObject]


@dataclass(frozen=True, slots=True)
class Property:
    """A property that differs; None if a side does not have it."""

    name: str
    expected: Value
    found: Value

    def __str__(self) -> str:
        """Return name, expected value and found value; the value alone that one side has."""
        name, expected, found = self.name.replace("_", " "), self.expected, self.found
        if _is_absent(expected) and not _is_absent(found):
            return f"{name}: found{_value_after_verb(found)}, not expected"
        if _is_absent(found) and not _is_absent(expected):
            return f"{name}: expected{_value_after_verb(expected)}, not found"
        return f"{name}: expected {shown_value(expected)}, found {shown_value(found)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between an object and the expected one.

    `held` counts the objects that are missing or extra with it; `note` is added to its sentence.
    """

    change: str
    severity: Severity
    expected: SchemaObject | None
    found: SchemaObject | None
    properties: tuple[Property, ...] = ()
    held: int = 0
    note: str = ""

    @property
    def object(self) -> SchemaObject:
        """Return the expected object; if it is not expected, the found one."""
        known = self.expected or self.found
        assert known is not None  # noqa: S101 - one of the two always exists
        return known

    def about(self, only: Collection[str], without: Collection[str]) -> "Difference | None":
        """Return the difference in some properties only; None if none of them differs."""
        if self.change != CHANGED:
            return None if only else self
        kept = tuple(
            p for p in self.properties if p.name not in without and (not only or p.name in only)
        )
        if not kept:
            return None
        return replace(self, properties=kept, severity=_worst(self.object.kind, kept))

    def __str__(self) -> str:
        """Return one sentence: object, expected, found."""
        thing = describe_object(self.object.kind, self.object.name)
        return f"{self._sentence(thing)}{f'; {self.note}' if self.note else ''}"

    def _sentence(self, thing: str) -> str:
        more = held_with(self.held)
        if self.change == MISSING:
            return f"{thing} is missing on the target{more}"
        if self.change == EXTRA:
            why = "neither the source nor a script creates it"
            return f"unexpected {thing} on the target{more}: {why}"
        off = [words for p in self.properties if (words := not_in_force(self.object.kind, p))]
        other = [str(p) for p in self.properties if not not_in_force(self.object.kind, p)]
        parts = [*off, *([f"differs: {'; '.join(other)}"] if other else [])]
        return f"{thing} {'; '.join(parts)}"


def held_with(count: int) -> str:
    """Return the words for the objects that a missing or extra relation holds."""
    if not count:
        return ""
    return f", with {count_noun(count, 'object')} that {agree(count, 'belongs', 'belong')} to it"


def not_in_force(kind: str, prop: Property) -> str:
    """Return the reason why the target's object has no effect; '' if it has."""
    return _NOT_IN_FORCE.get((kind, prop.name), "") if prop.found in _OFF else ""


def out_of_force(thing: SchemaObject) -> tuple[Property, ...]:
    """Return the properties by which an object has no effect, regardless of what is expected."""
    return tuple(
        Property(name, expected=True, found=False)
        for kind, name in _NOT_IN_FORCE
        if kind == thing.kind and thing.facts.get(name) is False
    )


class Comparison:
    """The differences of a schema from the expected one, computed once for each kind."""

    def __init__(self, expected: Snapshot, found: Snapshot) -> None:
        """Keep both schemas; compare nothing yet."""
        self.expected, self.found = expected, found
        self._known: dict[str, tuple[Difference, ...]] = {}

    def of(self, kind: str) -> tuple[Difference, ...]:
        """Return the differences in objects of a kind; UnreadableError if a side is unread."""
        if kind not in self._known:
            self._refuse_unread(kind)
            one, other = self.objects_of(kind)
            result = [
                *_alone(MISSING, one, other, self._lost),
                *_alone(EXTRA, other, one, self._added),
                *_changed(one, other),
            ]
            result.sort(key=lambda d: (d.object.name, d.change))
            self._known[kind] = tuple(result)
        return self._known[kind]

    def objects_of(self, kind: str) -> tuple[Objects, Objects]:
        """Return the expected and the found objects of a kind, each by name."""
        one, other = self._by_kind
        return one.get(kind, {}), other.get(kind, {})

    def locked(self, kind: str) -> dict[str, str]:
        """Return the locked relations that a side lacks in a kind, with the reasons."""
        return {**self.expected.locked.get(kind, {}), **self.found.locked.get(kind, {})}

    def _refuse_unread(self, kind: str) -> None:
        for side, snapshot in (("the expected schema", self.expected), ("the target", self.found)):
            if kind in snapshot.unread:
                words = rule_of(kind).words
                raise UnreadableError(f"{words} objects of {side}: {snapshot.unread[kind]}")

    @cached_property
    def _by_kind(self) -> tuple[dict[str, dict[str, SchemaObject]], ...]:
        sides = (self.expected, self.found)
        locked = {kind: self.locked(kind).keys() for side in sides for kind in side.locked}
        return tuple(_grouped(snapshot, locked) for snapshot in sides)

    @cached_property
    def _lost(self) -> "_Absent":
        return _Absent.of(self.expected, self.found)

    @cached_property
    def _added(self) -> "_Absent":
        return _Absent.of(self.found, self.expected)


def _grouped(
    snapshot: Snapshot, locked: Mapping[str, AbstractSet[str]]
) -> dict[str, dict[str, SchemaObject]]:
    found: dict[str, dict[str, SchemaObject]] = {}
    for each in snapshot.objects:
        if not locked.get(each.kind, set()).isdisjoint(_relations_of(each)):
            continue
        found.setdefault(each.kind, {})[each.name] = each
    return found


def _relations_of(each: SchemaObject) -> tuple[str, ...]:
    """Return the relations that an object needs: itself, its own, and a referenced one."""
    return each.name, each.table, str(each.facts.get("referenced_table", ""))


_GRANTS = (
    "grant", "default_privilege", "database_grant", "extension_grant", "system_grant",
    "parameter_grant",
)  # fmt: skip


def concerns_role(difference: Difference, roles: Collection[str]) -> bool:
    """Return whether a difference is a role itself, its settings, or grants to it.

    The roles of pgcutover, and their grants, are not part of the application.
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
    """Return all differences in objects of some kinds, sorted by kind and name."""
    compared = Comparison(expected, found)
    return tuple(each for kind in sorted(set(kinds)) for each in compared.of(kind))


@dataclass(frozen=True, slots=True)
class _Absent:
    """Relations that only one side has, which explain the absence of their objects.

    `subjects` are their names in grants and owners. `held` counts the objects of each relation.
    """

    relations: Collection[str]
    subjects: Collection[str]
    held: Mapping[str, int]

    @classmethod
    def of(cls, one: Snapshot, other: Snapshot) -> "_Absent":
        relations = _holders(one) - _holders(other)
        held = Counter(each.table for each in one.objects if each.table in relations)
        return cls(relations, _subjects(one) - _subjects(other), held)

    def explains(self, each: SchemaObject) -> bool:
        """Return whether an object is absent because its relation is."""
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
    objects: Mapping[str, SchemaObject],
    known: Collection[str],
    absent: _Absent,
) -> Iterator[Difference]:
    """Yield the objects that only one side has, except those whose relation is one-sided, too."""
    for name, each in objects.items():
        severity = rule_of(each.kind).alone(each, missing=change == MISSING)
        if name in known or severity is None or absent.explains(each):
            continue
        count = absent.held.get(name, 0) if each.kind in _HOLDERS else 0
        yield alone(change, each, severity, count)


def alone(change: str, thing: SchemaObject, severity: Severity, held: int = 0) -> Difference:
    """Return the difference of an object that only one side has."""
    expected, found = (thing, None) if change == MISSING else (None, thing)
    return Difference(change, severity, expected, found, (), held)


def _changed(
    one: Mapping[str, SchemaObject], other: Mapping[str, SchemaObject]
) -> Iterator[Difference]:
    for name in one.keys() & other.keys():
        expected, found = one[name], other[name]
        if properties := _differing(expected, found):
            severity = _worst(expected.kind, properties)
            yield Difference(CHANGED, severity, expected, found, tuple(properties))


def _differing(expected: SchemaObject, found: SchemaObject) -> list[Property]:
    rule = rule_of(expected.kind)
    ignored = {rule.warn_where, *rule.not_compared}
    names = sorted((expected.facts.keys() | found.facts.keys()) - ignored)
    properties = [
        Property(name, expected.facts.get(name), found.facts.get(name))
        for name in names
        if expected.facts.get(name) != found.facts.get(name)
    ]
    if expected.table != found.table and expected.kind not in _NAMED_AFTER_TABLE:
        properties.append(Property("table", expected.table, found.table))
    return properties


def _worst(kind: str, properties: Collection[Property]) -> Severity:
    rule = rule_of(kind)
    found = {rule.of(p.name, p.expected, p.found) for p in properties}
    return Severity.BLOCK if Severity.BLOCK in found else Severity.WARN


def _is_absent(value: Value) -> bool:
    return value is None or value is False or value in ([], "no")


def _value_after_verb(value: Value) -> str:
    return "" if value is True or value == "yes" else f" {shown_value(value)}"


def shown_value(value: Value) -> str:
    """Return a property's value as shown in reports."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
