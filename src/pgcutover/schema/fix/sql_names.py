"""Shared helpers of the fix generators: names in statements, and DROP statements."""

import re

from pgcutover.schema.compare import Difference
from pgcutover.schema.objects import SchemaObject, Value

CONSTRAINTS = ("check", "unique", "primary_key", "exclusion", "foreign_key")
RELATIONS = ("table", "partition", "foreign_table", "view", "materialized_view")
ROUTINES = ("function", "procedure", "aggregate", "window_function")
_TYPES = ("enum", "domain", "composite", "range", "base_type")
# kinds whose SQL keyword differs from their name
_WORDS = {
    **dict.fromkeys(_TYPES, "type"),
    "partition": "table",
    "window_function": "function",
    "foreign_server": "server",
}


def as_list(value: Value) -> list[str]:
    """Return a property that is a list; an empty list for NULL."""
    return value if isinstance(value, list) else []


def sql_keyword(kind: str) -> str:
    """Return the keyword of a kind in CREATE, ALTER and DROP."""
    return _WORDS.get(kind, kind.replace("_", " "))


def local_name(thing: SchemaObject) -> str:
    """Return the name of a column, constraint, trigger or policy without its table."""
    return thing.name.removeprefix(f"{thing.table}.")


def last_part(name: str) -> str:
    """Return the last part of a qualified name, with its quotes."""
    found = re.search(r'(?:"(?:[^"]|"")+"|[^".]+)\Z', name)
    return found[0] if found else name


def literal(text: str) -> str:
    """Return a text as an SQL literal, as quote_literal() does."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{escaped}'" if "\\" in text else f"'{escaped}'"


def identities(thing: SchemaObject) -> tuple[str, ...]:
    """Return its names in grants, owners and comments, as pg_identify_object() writes them."""
    words = {sql_keyword(thing.kind), thing.kind.replace("_", " ")}
    if thing.kind == "column":
        words.add("table column")
    if thing.kind in CONSTRAINTS:
        return (f"table constraint {local_name(thing)} on {thing.table}",)
    if thing.kind in ("trigger", "rule", "policy"):
        return (f"{thing.kind} {local_name(thing)} on {thing.table}",)
    return tuple(f"{word} {thing.name}" for word in sorted(words))


def drop(thing: SchemaObject) -> str:
    """Return its DROP statement, without CASCADE; '' if dropping another object drops it."""
    table, name = thing.table, local_name(thing)
    if thing.kind == "storage":
        own, toasted = (as_list(thing.facts.get(n)) for n in ("options", "toast_options"))
        names = [o.partition("=")[0] for o in (*own, *(f"toast.{o}" for o in toasted))]
        return f"alter table {thing.name} reset ({', '.join(names)})" if names else ""
    if thing.kind == "index" and thing.facts.get("constraint"):
        return ""
    if thing.kind == "partition":
        return f"alter table {table} detach partition {thing.name}; drop table {thing.name}"
    if thing.kind == "column" and not thing.definition:
        return ""  # a view's column
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
        back = ", ".join(as_list(thing.facts["initially"])).lower()
        return f"{away}; grant {back} on {on} to {role}" if back else away
    if thing.kind in ("grant", "default_privilege", "parameter_grant"):
        return "; ".join(_revoke(each) for each in _split_grants(thing.definition))
    if thing.kind in ("role_setting", "database_setting"):
        setting = thing.name.partition(" of ")[0] if thing.kind == "role_setting" else thing.name
        cut = rf' set ("?{re.escape(setting)}"?) to '
        start, name, _ = re.split(cut, thing.definition, maxsplit=1)
        return f"{start} reset {name}"
    return f"drop {sql_keyword(thing.kind)} {thing.name}"


def _split_grants(definition: str) -> list[str]:
    """Return one statement for privileges, and one for those with grant option."""
    first, passed, second = definition.partition("; grant ")
    return [first, f"grant {second}"] if passed else [first]


def _revoke(grant: str) -> str:
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
    """Return a property as text; '' for NULL."""
    return "" if value is None else str(value)
