"""Transformation actions that change a name."""

from collections.abc import Callable

Rename = Callable[[str, str, str], str]


def rename(action: str, name: str, value: str, old_value: str) -> str:
    """Return the new name of a schema, table or column."""
    return RENAMES[action](name, value, old_value)


def _replace_prefix(name: str, value: str, old: str) -> str:
    return value + name.removeprefix(old) if name.startswith(old) else name


def _replace_suffix(name: str, value: str, old: str) -> str:
    return name.removesuffix(old) + value if name.endswith(old) else name


RENAMES: dict[str, Rename] = {
    "rename": lambda name, value, old: value,
    "convert-lowercase": lambda name, value, old: name.lower(),
    "convert-uppercase": lambda name, value, old: name.upper(),
    "add-prefix": lambda name, value, old: value + name,
    "remove-prefix": lambda name, value, old: name.removeprefix(value),
    "replace-prefix": _replace_prefix,
    "add-suffix": lambda name, value, old: name + value,
    "remove-suffix": lambda name, value, old: name.removesuffix(value),
    "replace-suffix": _replace_suffix,
}
