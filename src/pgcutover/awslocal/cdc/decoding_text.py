"""Parses the lines of the output plugin test_decoding, by which DMS reads a slot that it is given.

A line names neither the columns' types of a row that was not sent nor the replica identity, so the
relation is that of the task's plan, as DMS itself takes it from the catalog.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.errors import UnreadableError
from pgcutover.pgoutput.messages import UNCHANGED, Row, Value

_TOAST = "unchanged-toast-datum"
_IDENTIFIER = r'(?:"(?:[^"]|"")*"|[^\s"\[\].:]+)'
_TABLE = re.compile(rf"table ({_IDENTIFIER})\.({_IDENTIFIER}): (INSERT|UPDATE|DELETE): ?", re.S)
_TRUNCATE = re.compile(r"table (.+): TRUNCATE: ")
_NAME = re.compile(rf"({_IDENTIFIER})\.({_IDENTIFIER})(?:, |$)")
_COLUMN = re.compile(rf"({_IDENTIFIER})\[")
_QUOTED = re.compile(r"B?'((?:[^']|'')*)'", re.S)


@dataclass(frozen=True, slots=True)
class RowChange:
    """An inserted, updated or deleted row: values by column, as texts."""

    table: Name
    action: str
    new: Mapping[str, Value]
    old: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True)
class Truncated:
    """Tables that were truncated together."""

    tables: tuple[Name, ...]


def parse_line(line: str) -> RowChange | Truncated | None:
    """Return the change of a line; None for BEGIN, COMMIT and messages.

    UnreadableError where a line is no line of test_decoding: a skipped change is a lost change.
    """
    if line.startswith(("BEGIN", "COMMIT", "message:")):
        return None
    if found := _TRUNCATE.match(line):
        names = tuple((_unquoted(s), _unquoted(t)) for s, t in _NAME.findall(found[1]))
        return Truncated(names)
    found = _TABLE.match(line)
    if found is None:
        raise UnreadableError("found a line that test_decoding does not write; no change is lost")
    table, action = (_unquoted(found[1]), _unquoted(found[2])), found[3]
    text = line[found.end() :]
    old: dict[str, Value] | None = None
    if text.startswith("old-key: "):
        old, text = _split_old(text.removeprefix("old-key: "))
    values = dict(_columns(text))
    if action == "DELETE":
        return RowChange(table, action, {}, values)
    return RowChange(table, action, values, old)


def as_row(columns: tuple[str, ...], values: Mapping[str, Value]) -> Row:
    """Return the values in the order of the columns; None for one that was not sent."""
    return tuple(values.get(name) for name in columns)


def _split_old(text: str) -> tuple[dict[str, Value], str]:
    """Return the old key's columns and the text of the new row."""
    at = 0
    found: dict[str, Value] = {}
    while not text.startswith("new-tuple: ", at):
        name, value, at = _column(text, at)
        found[name] = value
    return found, text[at + len("new-tuple: ") :]


def _columns(text: str) -> Iterator[tuple[str, Value]]:
    at = 0
    if text.startswith("(no-tuple-data)"):
        return
    while at < len(text):
        name, value, at = _column(text, at)
        yield name, value


def _column(text: str, at: int) -> tuple[str, Value, int]:
    """Return one `name[type]:value`, and where the next one begins."""
    head = _COLUMN.match(text, at)
    if head is None:
        raise UnreadableError("found a column that test_decoding does not write")
    at = _end_of_type(text, head.end())
    if quoted := _QUOTED.match(text, at):
        return _unquoted(head[1]), quoted[1].replace("''", "'"), quoted.end() + 1
    end = text.find(" ", at)
    end = len(text) if end < 0 else end
    return _unquoted(head[1]), _plain(text[at:end]), end + 1


def _end_of_type(text: str, at: int) -> int:
    """Return where the value begins; a type such as `"my]type"[]` holds brackets of its own."""
    depth = 1
    while depth:
        if text[at] == '"':
            at = text.index('"', at + 1)
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        at += 1
    return at + 1


def _plain(text: str) -> Value:
    if text == "null":
        return None
    return UNCHANGED if text == _TOAST else text


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
