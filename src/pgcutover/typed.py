"""Nested plain data, as TOML gives it, into frozen dataclasses, with errors a user can mend."""

import difflib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pgcutover.errors import ConfigError

_PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def build(cls: type, raw: Mapping[str, Any], where: str, forbidden: tuple[str, ...] = ()) -> Any:
    """An instance of the dataclass `cls`; ConfigError for an unknown, missing or wrong key."""
    hints = get_type_hints(cls)
    known = {f.name: f for f in fields(cls) if f.name not in forbidden}
    for key in raw:
        if key not in known:
            raise ConfigError(_unknown(key, list(known), where))
    for name, spec in known.items():
        if spec.default is MISSING and spec.default_factory is MISSING and name not in raw:
            raise ConfigError(f"{where}: {name!r} is missing; add {name} = {_shape(hints[name])}")
    return cls(
        **{key: _convert(hints[key], value, f"{where}: {key}") for key, value in raw.items()}
    )


def _unknown(key: str, known: list[str], where: str) -> str:
    close = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(sorted(known))}"
    return f"{where}: unknown key {key!r}; {hint}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert(next(a for a in args if a is not type(None)), value, where)
    if origin is Literal:
        return _one_of(args, value, where)
    if origin is tuple:
        return tuple(
            _convert(args[0], item, f"{where}[{n}]")
            for n, item in enumerate(_expect(list, "a list", value, where), 1)
        )
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, _expect(dict, "a table", value, where), where)
    if origin is not None and issubclass(origin, Mapping):
        items = _expect(dict, "a table", value, where).items()
        return {key: _convert(args[1], item, f"{where}.{key!r}") for key, item in items}
    return _scalar(hint, value, where)


def _scalar(hint: type, value: Any, where: str) -> Any:
    if hint is Path:
        return Path(_scalar(str, value, where))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise ConfigError(_wrong(_PLAIN.get(hint, hint.__name__), value, where))
    return value


def _expect(kind: type, words: str, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise ConfigError(_wrong(words, value, where))
    return value


def _one_of(allowed: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in allowed:
        raise ConfigError(
            f"{where}: expected one of {', '.join(map(repr, allowed))}, found {value!r}"
        )
    return value


def _wrong(expected: str, value: Any, where: str) -> str:
    return f"{where}: expected {expected}, found {type(value).__name__} {value!r}"


def _shape(hint: Any) -> str:
    if is_dataclass(hint):
        return "{...}"
    return {str: '"..."', Path: '"path"', int: "0", float: "0.0"}.get(hint, "...")
