"""The JSON Schema of verdict.json and docs/verdict-json.md, both generated from the model."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pgcutover.verdict_json.document import Document

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "table",
    "null": "null",
}
_HEAD = """\
# verdict.json

Written by `pgcutover pages verdict` from `pgcutover.verdict_json.document`; the JSON Schema
of the file is [verdict.schema.json](verdict.schema.json). A newer version may add keys to a format.

The identity of a result is `check_id[object]`, for example `DATA-ROWS[health.health_metrics]`. It
is the same in a checkout, under `--pyargs` and on any machine. [Key hashes](key-hashes.md) stand
for the keys of rows.
"""


def schema_text() -> str:
    """Return docs/verdict.schema.json."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**schema, **Document.model_json_schema()}, indent=2) + "\n"


def page() -> str:
    """Return docs/verdict-json.md."""
    schema = Document.model_json_schema()
    lines = [_HEAD, schema["description"], "", *_table(schema)]
    for name, keys in _parts(schema).items():
        part = schema["$defs"][name]
        lines += ["", f"## {', '.join(keys)}", "", part["description"], "", *_table(part)]
    return "\n".join(lines) + "\n"


def _parts(schema: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the parts of the document and the keys that hold them, outermost first."""
    found: dict[str, list[str]] = {}
    waiting = [("", schema)]
    while waiting:
        prefix, part = waiting.pop(0)
        for key, value in part["properties"].items():
            if reference := _reference(value):
                found.setdefault(reference, []).append(prefix + key)
                waiting.append((f"{prefix}{key}.", schema["$defs"][reference]))
    return found


def _reference(value: Mapping[str, Any]) -> str:
    options = [value, value.get("items", {}), *value.get("anyOf", [])]
    return next((o["$ref"].rpartition("/")[2] for o in options if "$ref" in o), "")


def _table(part: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| key | type | meaning |", "| --- | --- | --- |")
    for key, value in part["properties"].items():
        meaning = value.get("description", "see below")
        yield f"| `{key}` | {_type(value)} | {meaning} |"


def _type(value: Mapping[str, Any]) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return " or ".join(f"`{name}`" for name in value["enum"])
    if "anyOf" in value:
        return " or ".join(map(_type, value["anyOf"]))
    if value.get("type") == "array":
        return f"list of {_type(value['items'])}"
    return _TYPES.get(value.get("type", "object"), "table") if value else "anything"
