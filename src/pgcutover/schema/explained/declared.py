"""Differences that migration.toml declares: which ones they excuse, and which excuse nothing."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcutover.config.differences import PATTERN_KINDS, Change, DeclaredDifference
from pgcutover.diff import finding
from pgcutover.schema.compare import (
    CHANGED,
    EXTRA,
    MISSING,
    Difference,
    Objects,
    Property,
    not_in_force,
    out_of_force,
    shown_value,
)
from pgcutover.schema.explained.moved_extensions import MovedExtension, without_moves
from pgcutover.schema.objects import SchemaObject
from pgcutover.schema.quoted_names import plain_name, schema_of
from pgcutover.schema.severity import describe_object, rule_of
from pgcutover.text.sql_tokens import same_definition
from pgcutover.verdict import Finding

_CONSTRAINTS = ("primary_key", "unique", "exclusion")
_CONTAINERS = ("extension", "publication", "schema")
_MOST_PROPERTIES = 3  # named in one sentence
CHANGES: Mapping[str, Change] = {EXTRA: "added", CHANGED: "changed", MISSING: "dropped"}


def is_declared(each: DeclaredDifference, thing: SchemaObject) -> bool:
    """Return whether a declaration is of this object."""
    if thing.kind == each.kind and each.object in (thing.name, plain_name(thing.name)):
        return True
    if thing.kind == "index" and each.kind in _CONSTRAINTS:
        constraint = f"{thing.table}.{thing.facts.get('constraint')}"
        return each.object in (constraint, plain_name(constraint))
    if each.change == "dropped" and each.kind == "schema":
        return _is_in_schema(thing, each.object)
    if each.change == "dropped" and each.kind == "publication":
        return _is_in_publication(thing, each.object)
    if thing.kind != each.kind or each.kind not in PATTERN_KINDS:
        return False
    pattern = ".*".join(map(re.escape, each.object.split("*")))
    return re.fullmatch(pattern, thing.name, re.DOTALL) is not None


def describe_declaration(each: DeclaredDifference) -> str:
    """Return kind, object and change, in words."""
    what = f" in {each.property}" if each.property else ""
    return f"{describe_object(each.kind, each.object)} is declared {each.change}{what}"


def _property_name(each: DeclaredDifference) -> str:
    """Return the property, as snapshots name it."""
    return (each.property or "").strip().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Split:
    """A difference without what is declared of it, and the declared part in words."""

    left: Difference | None
    declared: tuple[str, ...] = ()
    used: tuple[DeclaredDifference, ...] = ()


def is_of_its_own(each: DeclaredDifference, difference: Difference) -> bool:
    """Return whether a declaration names the object itself, or is no declaration of a container.

    What a schema or publication holds follows it; that alone does not make the declaration needed.
    """
    return each.kind == difference.object.kind or each.kind not in _CONTAINERS


def split(
    difference: Difference,
    declared: Iterable[DeclaredDifference],
    moves: Iterable[MovedExtension] = (),
) -> Split:
    """Return what is left of a difference once its declared part is taken away."""
    left: Difference | None = difference
    words: list[str] = []
    used: list[DeclaredDifference] = []
    rests: list[tuple[DeclaredDifference, Difference | None]] = []
    for each in declared:
        if CHANGES[difference.change] != each.change or not is_declared(each, difference.object):
            continue
        rests.append((each, _without(difference, each)))
    rests += [(move.declaration, without_moves(difference, move)) for move in moves]
    for each, rest in rests:
        if rest != difference:
            used.append(each)
            words.append(f"{_part(difference, rest)} (declared: {each.reason})")
            left = _both(left, rest)
    return Split(left, tuple(words), tuple(used))


def unfit_declarations(
    declared: Sequence[DeclaredDifference],
    used: Collection[DeclaredDifference],
    objects: Mapping[str, tuple[Objects, Objects]],
) -> Iterator[Finding]:
    """Yield a finding for every declaration that is repeated, contradictory or not needed.

    `objects` are the expected and the found objects of each kind.
    """
    yield from _repeated(declared)
    for each in declared:
        if each in used:
            continue
        one, other = objects.get(each.kind, ({}, {}))
        expected, found = (_named(each, side.values()) for side in (one, other))
        yield finding(
            each.object,
            "declaration not needed",
            f"{describe_declaration(each)}, {_why(each, expected, found)}",
        )


def _repeated(declared: Sequence[DeclaredDifference]) -> Iterator[Finding]:
    for (kind, name, _), count in Counter(
        (d.kind, d.object, _property_name(d)) for d in declared
    ).items():
        if count > 1:
            message = f"{kind} {name} is declared {count} times; keep one declaration"
            yield finding(name, "declared twice", message)
    for kind, name in dict.fromkeys((d.kind, d.object) for d in declared):
        changes = sorted({d.change for d in declared if (d.kind, d.object) == (kind, name)})
        if len(changes) > 1:
            message = f"{kind} {name} is declared {' and '.join(changes)}; keep what is true"
            yield finding(name, "declarations contradict", message)


def _named(each: DeclaredDifference, side: Iterable[SchemaObject]) -> SchemaObject | None:
    return next((o for o in side if o.kind == each.kind and is_declared(each, o)), None)


def _why(
    each: DeclaredDifference, expected: SchemaObject | None, found: SchemaObject | None
) -> str:
    """Return why a declaration excuses nothing, and what to do."""
    remove = "remove the declaration from migration.toml"
    words = rule_of(each.kind).words
    if expected is None and found is None:
        missing = "but is missing on the target" if each.change == "added" else ""
        return missing or f"but there is no such {words}; {remove}"
    if each.change == "dropped":
        gone = "but is on the target" if found else "but the target may do without it"
        return f"{gone}; drop it there or {remove}" if found else f"{gone}; {remove}"
    if each.change == "added" and expected is None and found is not None:
        return f"as: {each.definition}, found: {definition_of(found)}"
    if each.change == "added":
        return f"but the source or a script creates it; {remove}"
    if expected is None or found is None:
        return f"but it is {'missing' if found is None else 'alone'} on the target; {remove}"
    return _why_not_changed(each, expected, found)


def _why_not_changed(each: DeclaredDifference, expected: SchemaObject, found: SchemaObject) -> str:
    one, other = definition_of(expected), definition_of(found)
    if each.property is None and each.definition is None:
        return f"without saying into what; add {_describe_change(expected, found)}"
    if each.property is not None:
        has = shown_value(found.facts.get(_property_name(each)))
        if _property_name(each) not in {*found.facts, *expected.facts}:
            known = ", ".join(sorted(n.replace("_", " ") for n in found.facts))
            return f"but it has no such property; it has: {known}"
        if found.facts.get(_property_name(each)) != expected.facts.get(_property_name(each)):
            return f"as {each.value}, found {has}"
    elif one != other:
        return f"as: {each.definition}, found: {other}"
    return "but expected and found agree; remove the declaration from migration.toml"


def _describe_change(expected: SchemaObject, found: SchemaObject) -> str:
    """Return what a declaration has to say about a changed object, as migration.toml writes it."""
    names = sorted({*expected.facts, *found.facts} - {"definition"})
    changed = [n for n in names if expected.facts.get(n) != found.facts.get(n)]
    words = [
        f'property = "{n.replace("_", " ")}" and value = "{shown_value(found.facts.get(n))}"'
        for n in changed[:_MOST_PROPERTIES]
    ]
    if other := definition_of(found):
        words.append(f"the definition that it has on the target: {other}")
    return ", or ".join(words) or "property and value"


def definition_of(thing: SchemaObject) -> str:
    """Return an object's definition as a declaration writes it; a column's without its name."""
    facts = thing.facts
    if thing.kind != "column":
        return str(facts.get("definition") or thing.definition)
    words = [str(facts["type"])]
    words += [f"collate {facts['collation']}"] if facts["collation"] else []
    words += ["not null"] if facts["not_null"] else []
    words += [f"generated always as {facts['generated']}"] if facts["generated"] else []
    words += [f"identity {facts['identity']}"] if facts["identity"] else []
    return " ".join(words)


def _without(difference: Difference, each: DeclaredDifference) -> Difference | None:
    """Return what a declaration leaves of a difference that it names; all, where it does not fit.

    An object that is there but does nothing, as an INVALID index, is never what was declared.
    """
    found = difference.found
    if each.change == "dropped" or found is None:
        return None
    if each.definition is not None and not same_definition(each.definition, definition_of(found)):
        return difference
    if each.change == "added":
        off = out_of_force(found)
        return replace(difference, change=CHANGED, properties=off) if off else None
    return _unchanged_but(difference, each)


def _unchanged_but(difference: Difference, each: DeclaredDifference) -> Difference | None:
    def is_left(prop: Property) -> bool:
        if each.property is not None:
            fits = shown_value(prop.found) == each.value
            return not (prop.name == _property_name(each) and fits)
        return each.definition is None or bool(not_in_force(each.kind, prop))

    left = {p.name for p in difference.properties if is_left(p)}
    if len(left) == len(difference.properties):
        return difference
    return difference.about(left, ()) if left else None


def _both(one: Difference | None, other: Difference | None) -> Difference | None:
    """Return what two declarations both leave of one difference."""
    if one is None or other is None:
        return None
    return one.about({p.name for p in other.properties}, ()) if one.properties else other


def _part(difference: Difference, rest: Difference | None) -> Difference:
    """Return the part of a difference that a declaration takes away."""
    if rest is None or difference.change != CHANGED:
        return difference
    return difference.about((), {p.name for p in rest.properties}) or difference


def _is_in_schema(thing: SchemaObject, schema: str) -> bool:
    """Return whether an object cannot exist without a schema."""
    if thing.kind in PATTERN_KINDS:
        return f" {schema}." in f" {thing.name}" or thing.name.startswith(f"schema {schema} to ")
    own = schema_of(thing)
    return bool(own) and schema in (own, plain_name(own))


def _is_in_publication(thing: SchemaObject, publication: str) -> bool:
    """Return whether a publication publishes this table or schema."""
    if thing.kind not in ("publication_table", "publication_schema"):
        return False
    return thing.name.endswith((f" in {publication}", f' in "{publication}"'))
