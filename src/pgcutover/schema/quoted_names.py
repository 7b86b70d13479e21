"""Names of objects as SQL quotes them, and as reports show them."""

import re

from pgcutover.schema.objects import SchemaObject

_PART = re.compile(r'"(?:[^"]|"")*"|[^".]+')


def split_name(quoted: str) -> list[str]:
    """Return the identifiers of a dotted name, each still quoted."""
    return _PART.findall(quoted)


def plain_name(quoted: str) -> str:
    """Return a dotted name without quotes, as tables are called in reports; never for SQL."""
    return ".".join(
        part[1:-1].replace('""', '"') if part.startswith('"') else part
        for part in split_name(quoted)
    )


def schema_of(thing: SchemaObject) -> str:
    """Return the schema, quoted, without which an object cannot exist; '' where there is none.

    A trigger cannot exist without its function.
    """
    if thing.kind == "schema":
        return thing.name
    if thing.kind in ("trigger", "event_trigger"):
        called = thing.facts.get("function") or thing.definition.rpartition(" EXECUTE ")[2]
        return split_name(str(called).removeprefix("FUNCTION "))[0]
    parts = split_name(thing.name.partition("(")[0])
    return parts[0] if len(parts) > 1 else ""
