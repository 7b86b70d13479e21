"""Pages of docs/ that are written from the code: the checks, the keys, the options."""

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pgcutover.check_registry import Check, find_checks
from pgcutover.errors import PgCutoverError

_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def packaged_checks() -> tuple[Check, ...]:
    """The checks that are installed with this package."""
    spec = find_spec("pgcutover.checks")
    if spec is None or not spec.submodule_search_locations:
        raise PgCutoverError("pgcutover.checks is not installed; reinstall pgcutover")
    return find_checks(Path(spec.submodule_search_locations[0]))


def checks_page(checks: Iterable[Check]) -> str:
    """One section a stage, one entry a check, in the order they run."""
    lines = ["# The checks", "", "Written by `pgcutover pages checks`; edit the checks instead."]
    for stage, members in groupby(checks, lambda check: check.stage):
        lines += ["", f"## {stage}"]
        for check in members:
            lines += ["", *_check_entry(check)]
    return "\n".join(lines) + "\n"


def keys_page() -> str:
    """Every key of migration.toml with its type and default, one section a table."""
    from pgcutover.config import Settings

    head = [
        "# migration.toml",
        "",
        "Written by `pgcutover pages keys` from `pgcutover.config`. An unknown key is an error; a",
        "path starts from the file's own folder. A DSN stands in an environment variable, never",
        "here; run through bootstrap.py, only variables named `PGCUTOVER_*` reach the gate.",
    ]
    return "\n".join([*head, *_keys_sections(Settings, "")]) + "\n"


def options_page() -> str:
    """Every option that the plugin adds to pytest."""
    from pgcutover.plugin import pytest_addoption

    parser = _OptionList()
    pytest_addoption(parser)  # type: ignore[arg-type]
    head = [
        "# Options of a run",
        "",
        "Written by `pgcutover pages options`. They go after the command:",
        "`python3 bootstrap.py rehearse --scale 5`, `pytest --pyargs pgcutover.checks --out here`.",
        "",
        "| option | meaning |",
        "| --- | --- |",
    ]
    return "\n".join([*head, *parser.rows]) + "\n"


class _OptionList:
    """Stands in for pytest's parser and writes down what is added."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def getgroup(self, name: str, description: str) -> "_OptionList":
        return self

    def addoption(self, name: str, **named: Any) -> None:
        value = f" {named['metavar']}" if "metavar" in named else ""
        self.rows.append(f"| `{name}{value}` | {named['help']} |")


def _check_entry(check: Check) -> Iterator[str]:
    yield from (f"### {check.id}", "", f"{check.title}.", "")
    yield f"- Fails when: {check.fails_when}"
    yield f"- Cannot see: {check.cannot_see}"
    yield f"- Needs: {check.needs}"
    yield f"- Costs: {check.costs}"


def _keys_sections(cls: type, name: str) -> Iterator[str]:
    hints = get_type_hints(cls)
    own = [f for f in fields(cls) if f.name not in ("path", "config_sha256") or name]
    nested = {f.name: found for f in own if (found := _table_of(hints[f.name]))}
    plain = [f for f in own if f.name not in nested]
    if plain:
        yield from ("", f"## {name or 'top level'}", "", " ".join((cls.__doc__ or "").split()), "")
        yield from ("| key | type | default |", "| --- | --- | --- |")
        yield from (_key_row(f, hints[f.name]) for f in plain)
    for key, (inner, pattern) in nested.items():
        yield from _keys_sections(inner, f"{name}.{key}{pattern}".lstrip("."))


def _table_of(hint: Any) -> tuple[type, str] | None:
    """The dataclass behind a key, and what stands after the key in a section's name."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _table_of(next(a for a in args if a is not type(None)))
    if is_dataclass(hint) and isinstance(hint, type):
        return hint, ""
    if origin is tuple and is_dataclass(args[0]) and isinstance(args[0], type):
        return args[0], "[]"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return args[1], '."schema.table"'
    return None


def _key_row(spec: "Field[Any]", hint: Any) -> str:
    required = spec.default is MISSING and spec.default_factory is MISSING
    default = "required" if required else f"`{_toml(spec.default)}`"
    return f"| `{spec.name}` | {_type_words(hint)} | {default if default != '``' else 'none'} |"


def _type_words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _type_words(next(a for a in args if a is not type(None)))
    if origin is tuple:
        return f"list of {_type_words(args[0])}"
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in args)
    return _PLAIN[hint]


def _toml(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return "[]" if value == () else str(value)
