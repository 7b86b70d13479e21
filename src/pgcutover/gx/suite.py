"""Strict reader of suites in Great Expectations' JSON format; a skipped entry would look met.

Only expectations that PostgreSQL evaluates to a few numbers are accepted. Others, such as
`expect_column_distinct_values_to_be_in_set`, would fetch row values into this process.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgcutover.config import read_json
from pgcutover.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Expected:
    """An expectation, its position in the file, and its columns."""

    number: int
    type: str
    kwargs: Mapping[str, Any]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations on one table of the target."""

    table: str
    expected: tuple[Expected, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return each column of the expectations once, in order of first mention."""
        return tuple(dict.fromkeys(c for e in self.expected for c in e.columns))


@dataclass(frozen=True, slots=True)
class _Form:
    """The arguments that name columns, and those of which at least one must be set."""

    columns: tuple[str, ...] = ("column",)
    one_of: tuple[str, ...] = ()


_TABLE: tuple[str, ...] = ()
_PAIR = ("column_A", "column_B")
_LIST = ("column_list",)
_BOUNDS = ("min_value", "max_value")

_FORMS = {
    "expect_table_row_count_to_be_between": _Form(_TABLE, _BOUNDS),
    "expect_table_row_count_to_equal": _Form(_TABLE, ("value",)),
    "expect_column_values_to_not_be_null": _Form(),
    "expect_column_values_to_be_null": _Form(),
    "expect_column_values_to_be_unique": _Form(),
    "expect_column_values_to_be_in_set": _Form(one_of=("value_set",)),
    "expect_column_values_to_not_be_in_set": _Form(one_of=("value_set",)),
    "expect_column_values_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_values_to_match_regex": _Form(one_of=("regex",)),
    "expect_column_values_to_not_match_regex": _Form(one_of=("regex",)),
    "expect_column_values_to_match_regex_list": _Form(one_of=("regex_list",)),
    "expect_column_values_to_not_match_regex_list": _Form(one_of=("regex_list",)),
    "expect_column_values_to_match_like_pattern": _Form(one_of=("like_pattern",)),
    "expect_column_values_to_not_match_like_pattern": _Form(one_of=("like_pattern",)),
    "expect_column_value_lengths_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_value_lengths_to_equal": _Form(one_of=("value",)),
    "expect_column_min_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_max_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_mean_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_sum_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_stdev_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_unique_value_count_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_proportion_of_unique_values_to_be_between": _Form(one_of=_BOUNDS),
    "expect_column_pair_values_a_to_be_greater_than_b": _Form(_PAIR),
    "expect_column_pair_values_to_be_equal": _Form(_PAIR),
    "expect_column_pair_values_to_be_in_set": _Form(_PAIR, ("value_pairs_set",)),
    "expect_compound_columns_to_be_unique": _Form(_LIST),
    "expect_select_column_values_to_be_unique_within_record": _Form(_LIST),
    "expect_multicolumn_sum_to_equal": _Form(_LIST, ("sum_total",)),
}
# the gate decides how much is returned and how an error is treated
_OURS = ("result_format", "catch_exceptions", "batch_id", "windows", "rendered_content")
_SUITE_KEYS = {"name", "expectations", "meta", "notes", "id"}
_KEYS = {"type", "kwargs", "meta", "notes", "id", "description", "severity"}
_EXAMPLE = """'col("metric") == "steps"'"""
_CONDITION_COLUMN = re.compile(r"""col\(\s*(?:"([^"]+)"|'([^']+)')\s*\)""")


def read_suite(path: Path, table: str) -> Suite:
    """Read the suite of `table`; ConfigError if it could pass without checking anything."""
    document = read_json(path)
    where = path.name
    if not isinstance(document, Mapping) or not isinstance(document.get("expectations"), list):
        raise ConfigError(f'{where}: expected an object {{"name", "expectations": [...]}}')
    _refuse_unknown(document, _SUITE_KEYS, where)
    if document.get("name") != table:
        raise ConfigError(
            f"{where}: name is {document.get('name')!r}, expected {table!r}, the table on the "
            "target that the file is named after"
        )
    if not document["expectations"]:
        raise ConfigError(f"{where}: no expectation, so it would prove nothing; add some")
    raws = enumerate(document["expectations"], 1)
    return Suite(table, tuple(_expected(raw, n, f"{where}: expectation {n}") for n, raw in raws))


def refuse_idle(folder: Path, tables: Sequence[str]) -> None:
    """Raise ConfigError if a suite in `folder` belongs to no migrated table: it would not run."""
    for path in sorted(folder.glob("*.json")):
        if path.stem not in tables:
            close = difflib.get_close_matches(path.stem, tables, 1)
            raise ConfigError(
                f"{path.name} is a suite of no table that migrates, so it would never be judged; "
                + (f"did you mean {close[0]}.json?" if close else "rename or remove it")
            )


def _expected(raw: object, number: int, where: str) -> Expected:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("kwargs"), Mapping):
        raise ConfigError(f'{where}: expected an object {{"type": "...", "kwargs": {{...}}}}')
    _refuse_unknown(raw, _KEYS, where)
    kind, kwargs = raw.get("type"), raw["kwargs"]
    if kind not in _FORMS:
        raise ConfigError(_not_allowed(str(kind), where))
    where, form = f"{where} ({kind})", _FORMS[kind]
    _refuse_arguments(kwargs, where)
    if form.one_of and not any(_says(name, kwargs.get(name)) for name in form.one_of):
        raise ConfigError(f"{where}: needs {' or '.join(form.one_of)}, or every value would pass")
    columns = [c for name in form.columns for c in _names(kwargs.get(name), name, where)]
    columns += _condition_columns(kwargs, where)
    return Expected(number, kind, kwargs, tuple(dict.fromkeys(columns)))


def _refuse_unknown(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in raw:
        if key not in known:
            raise ConfigError(
                f"{where}: unknown key {key!r}; expected one of {', '.join(sorted(known))}"
            )


def _not_allowed(kind: str, where: str) -> str:
    close = difflib.get_close_matches(kind, _FORMS, 1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(_FORMS)}"
    return (
        f"{where}: {kind} is unknown, or would bring row values into this process, and is not "
        f"run; {hint}"
    )


def _refuse_arguments(kwargs: Mapping[str, Any], where: str) -> None:
    for name in _OURS:
        if name in kwargs:
            raise ConfigError(f"{where}: {name} is the gate's to set, not the suite's; remove it")
    if '"$PARAMETER"' in json.dumps(kwargs):
        raise ConfigError(f"{where}: $PARAMETER has no value in a gate run; write the value")
    if "mostly" in kwargs and not (_is_number(kwargs["mostly"]) and 0 < kwargs["mostly"] <= 1):
        raise ConfigError(
            f"{where}: mostly is {kwargs['mostly']!r}, expected a number above 0, up to 1"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _says(argument: str, value: object) -> bool:
    if argument == "regex_list" and isinstance(value, list):
        return bool(value) and all(value)  # an empty regular expression matches everything
    return value is not None and value not in ("", [], {})


def _names(value: object, argument: str, where: str) -> Iterator[str]:
    many = argument.endswith("_list")
    names: list[Any] = value if many and isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"{where}: {argument} must name {'columns' if many else 'a column'}")
    yield from names


def _condition_columns(kwargs: Mapping[str, Any], where: str) -> list[str]:
    condition = kwargs.get("row_condition")
    if condition is None and "condition_parser" not in kwargs:
        return []
    found = _CONDITION_COLUMN.findall(condition) if isinstance(condition, str) else []
    if not found or kwargs.get("condition_parser") != "great_expectations":
        raise ConfigError(
            f"{where}: row_condition must be a text such as {_EXAMPLE}, with condition_parser "
            '"great_expectations"'
        )
    return [double or single for double, single in found]
