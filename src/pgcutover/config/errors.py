"""Words for what is wrong in migration.toml: section, key, expected, found, what to do."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": "a text",
    "path_type": "a path",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "dataclass_type": "a table",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_FOUND = {str: "a text", bool: "true or false", list: "a list", dict: "a table"}

Location = Sequence[int | str]


def explain(
    error: ValidationError, raw: Mapping[str, Any], schema: Mapping[str, Any], file: str
) -> str:
    """Return one line for each error; texts of the file are never part of it."""
    details = error.errors(include_url=False, include_input=False)
    details.sort(key=lambda each: each["type"] not in _UNKNOWN)  # often the cause of the others
    return "\n".join(f"{file}: {_sentence(each, raw, schema)}" for each in details[:5])


def section_of(schema: Mapping[str, Any], location: Location) -> Mapping[str, Any]:
    """Return the part of a JSON Schema that describes a location of the file."""
    node: Mapping[str, Any] = resolve(schema, schema)
    for step in location:
        inner = node.get("properties", {}).get(step) or node.get("additionalProperties")
        node = resolve(schema, inner or node.get("items") or {})
    return node


def resolve(schema: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    """Follow a reference; of alternatives, take the one that is not null."""
    if not isinstance(node, Mapping):
        return {}
    if options := node.get("anyOf"):
        return resolve(schema, options[0])
    if reference := node.get("$ref"):
        return resolve(schema, schema["$defs"][reference.rpartition("/")[2]])
    return node


def _sentence(error: ErrorDetails, raw: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    if kind in _UNKNOWN:
        known = list(section_of(schema, location[:-1]).get("properties", {}))
        return f"unknown key {_name(location)!r}; {_closest(str(location[-1]), known)}"
    if kind == "missing":
        return f"{_name(location)} is missing; {_place(location, schema)}"
    value = _value(raw, location)
    if kind == "literal_error":
        allowed = section_of(schema, location)["enum"]
        hint = _closest(value, allowed, "") if isinstance(value, str) else ""
        return f"{_name(location)}: expected one of {', '.join(allowed)}, found another{hint}"
    found = "" if isinstance(value, dict) and kind == "value_error" else f", found {_found(value)}"
    return f"{_name(location)}: expected {_expected(error, context)}{found}"


def _place(location: Location, schema: Mapping[str, Any]) -> str:
    if section_of(schema, location).get("type") == "object":
        return f"add the section [{_name(location)}]"
    if len(location) == 1:
        return f"add {location[0]} above the first section"
    return f"add {location[-1]} to {_name(location[:-1])}"


def _expected(error: ErrorDetails, context: Mapping[str, Any]) -> str:
    if (kind := error["type"]) in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {context[name]:g}"
    if kind == "value_error":
        return str(context["error"])
    return _EXPECTED.get(kind) or error["msg"].removeprefix("Input should be ")


def _found(value: object) -> str:
    """A number, or the type of anything else: a text may be a DSN."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    return _FOUND.get(type(value), "nothing")


def _closest(name: str, known: Sequence[str], otherwise: str | None = None) -> str:
    close = difflib.get_close_matches(name, known, 1)
    if otherwise is not None:
        return f"; did you mean {close[0]!r}?" if close else otherwise
    return f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(sorted(known))}"


def _name(location: Location) -> str:
    """Write a location as TOML does: tables."public.orders".exclude[1].column."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            quoted = step if step.replace("_", "").isalnum() else f'"{step}"'
            text += f".{quoted}" if text else quoted
    return text


def _value(raw: Any, location: Location) -> Any:
    for step in location:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw
