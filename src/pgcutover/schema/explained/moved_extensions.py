"""Extensions that are declared to be in another schema: texts that name their objects follow."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pgcutover.config.differences import DeclaredDifference
from pgcutover.schema.compare import Difference, Objects, Property
from pgcutover.schema.objects import SchemaObject, Value
from pgcutover.schema.quoted_names import plain_name


@dataclass(frozen=True, slots=True)
class MovedExtension:
    """A declared move of an extension from the schema that is expected to the one found."""

    declaration: DeclaredDifference
    members: re.Pattern[str]
    schema: str

    def explains(self, prop: Property) -> bool:
        """Tell if a property differs only in the schema of the extension's objects."""
        return prop.expected != prop.found and self._moved(prop.expected) == prop.found

    def _moved(self, value: Value) -> Value:
        if isinstance(value, list):
            return [self.members.sub(f"{self.schema}.", each) for each in value]
        return self.members.sub(f"{self.schema}.", value) if isinstance(value, str) else value


def find_moved_extensions(
    declared: Iterable[DeclaredDifference], expected: Objects, found: Objects
) -> list[MovedExtension]:
    """Return the declared moves of extensions that are as declared."""
    moved = []
    for each in declared:
        if (each.kind, each.change, each.property) == ("extension", "changed", "schema"):
            one, other = (_named(each.object, side) for side in (expected, found))
            if one and other and other.facts["schema"] == each.value:
                moved.append(MovedExtension(each, _pattern(one, other), str(each.value)))
    return moved


def without_moves(difference: Difference, move: MovedExtension) -> Difference | None:
    """Return what the move of an extension leaves of a difference."""
    explained = {p.name for p in difference.properties if move.explains(p)}
    return difference.about((), explained) if explained else difference


def _named(name: str, side: Objects) -> SchemaObject | None:
    return next((o for o in side.values() if name in (o.name, plain_name(o.name))), None)


def _pattern(expected: SchemaObject, found: SchemaObject) -> re.Pattern[str]:
    """Match the old schema where it stands before a name that the extension has on both sides."""
    names = [set(map(str, each.facts.get("members") or ())) for each in (expected, found)]  # type: ignore[arg-type]
    alternatives = "|".join(map(re.escape, sorted(names[0] & names[1]))) or "(?!)"
    schema = re.escape(str(expected.facts["schema"]))
    return re.compile(rf"(?<![\w$.\"]){schema}\.(?=(?:{alternatives})(?![\w$]))")
