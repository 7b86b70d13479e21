"""Shared helpers of the fix generators: names in statements, and DROP statements."""

import re

from pgcutover.schema.compare import Difference
from pgcutover.schema.objects import SchemaObject, Value

CONSTRAINTS = ("check", "unique", "primary_key", "exclusion", "foreign_key")
RELATIONS = ("table", "partition", "foreign_table", "view", "materialized_view")
ROUTINES = ("function", "procedure", "aggregate", "window_function")
_TYPES = ("enum", "domain", "composite", "range", "base_type")
# where the word of the statement is not the kind's own
_WORDS = {
    **dict.fromkeys(_TYPES, "type"),
    "partition": "table",
    "window_function": "function",
    "foreign_server": "server",
}


def listed(value: Value) -> list[str]:
    """A property that is a list; none where there is none."""
    return value if isinstance(value, list) else []


def word_of(kind: str) -> str:
    """As CREATE, ALTER and DROP call it."""
    return _WORDS.get(kind, kind.replace("_", " "))


def member(thing: SchemaObject) -> str:
    """A column's, constraint's, trigger's or policy's own name, without its table's."""
    return thing.name.removeprefix(f"{thing.table}.")


def last_part(name: str) -> str:
    """What a qualified name ends with, quoted as it is there."""
    found = re.search(r'(?:"(?:[^"]|"")+"|[^".]+)\Z', name)
    return found[0] if found else name


def literal(text: str) -> str:
    """A text as SQL writes it (quote_literal)."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{escaped}'" if "\\" in text else f"'{escaped}'"


def subjects(thing: SchemaObject) -> tuple[str, ...]:
    """How rights, owners and comments name it (pg_identify_object)."""
    words = {word_of(thing.kind), thing.kind.replace("_", " ")}
    if thing.kind == "column":
        words.add("table column")
    if thing.kind in CONSTRAINTS:
        return (f"table constraint {member(thing)} on {thing.table}",)
    if thing.kind in ("trigger", "rule", "policy"):
        return (f"{thing.kind} {member(thing)} on {thing.table}",)
    return tuple(f"{word} {thing.name}" for word in sorted(words))


def drop(thing: SchemaObject) -> str:
    """The statement that drops it, never what depends on it; '' where it goes with another."""
    table, name = thing.table, member(thing)
    if thing.kind == "storage":
        own, toasted = (listed(thing.facts.get(n)) for n in ("options", "toast_options"))
        names = [o.partition("=")[0] for o in (*own, *(f"toast.{o}" for o in toasted))]
        return f"alter table {thing.name} reset ({', '.join(names)})" if names else ""
    if thing.kind == "index" and thing.facts.get("constraint"):
        return ""
    if thing.kind == "partition":
        return f"alter table {table} detach partition {thing.name}; drop table {thing.name}"
    if thing.kind == "column" and not thing.definition:
        return ""  # a view's
    if thing.kind == "column":
        return f"alter table {table} drop column {name}"
    if thing.kind in CONSTRAINTS:
        return f"alter table {table} drop constraint {name}"
    if thing.kind in ("trigger", "rule", "policy"):
        return f"drop {thing.kind} {name} on {table}"
    if thing.kind == "publication_table":
        return f"alter publication {thing.name.removeprefix(f'{table} in ')} drop table {table}"
    if thing.kind == "publication_schema":
        return thing.definition.replace(" add tables in ", " drop tables in ", 1)
    if thing.kind in ("comment", "security_label"):
        said = thing.facts.get("text" if thing.kind == "comment" else "label")
        return f"{thing.definition.removesuffix(literal(text_of(said)))}null"
    if thing.kind == "default_privilege" and not thing.facts["privileges"]:
        what, _, role = thing.definition.rpartition(" from ")
        return f"{what.replace(' revoke all on ', ' grant all on ')} to {role}"
    if thing.kind in ("extension_grant", "system_grant"):
        away = thing.definition.partition("; grant ")[0]
        on, _, role = away.removeprefix("revoke all on ").rpartition(" from ")
        back = ", ".join(listed(thing.facts["initially"])).lower()
        return f"{away}; grant {back} on {on} to {role}" if back else away
    if thing.kind in ("grant", "default_privilege", "parameter_grant"):
        return "; ".join(_revoked(each) for each in _given(thing.definition))
    if thing.kind in ("role_setting", "database_setting"):
        setting = thing.name.partition(" of ")[0] if thing.kind == "role_setting" else thing.name
        cut = rf' set ("?{re.escape(setting)}"?) to '
        start, name, _ = re.split(cut, thing.definition, maxsplit=1)
        return f"{start} reset {name}"
    return f"drop {word_of(thing.kind)} {thing.name}"


def _given(definition: str) -> list[str]:
    """One statement for rights, and one for those that may be passed on."""
    first, passed, second = definition.partition("; grant ")
    return [first, f"grant {second}"] if passed else [first]


def _revoked(grant: str) -> str:
    what, _, role = grant.removesuffix(" with grant option").rpartition(" to ")
    before, _, rights = what.partition("grant ")
    return f"{before}revoke {rights} from {role}"


class MustRecreate(Exception):
    """Raised where an object must be dropped and created again."""


def impossible(difference: Difference, why: str) -> str:
    """Return a comment that says why there is no statement."""
    thing = difference.object
    return re.sub(r"[\r\n]+", " ", f"-- {thing.kind.replace('_', ' ')} {thing.name}: {why}")


def text_of(value: Value) -> str:
    """A property as text; '' where there is none."""
    return "" if value is None else str(value)
