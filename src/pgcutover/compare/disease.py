"""Naming what happened to a column, from a few of its values on both sides.

The values never leave this process; only the name of the disease does.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

Value = str | None
Pair = tuple[Value, Value]
_EMPTY = {"": "''", "0": "0", "f": "false", "NULL": "the text NULL"}
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?([+-]\d\d)?$")


def diagnose(pairs: Sequence[Pair]) -> str:
    """The disease that explains every pair, or 'values differ'."""
    texts = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(texts) < len(pairs):
        return _null_disease(pairs)
    for name, explains in _DISEASES:
        if all(explains(a, b) for a, b in texts):
            return name
    return _constant_shift(texts) or _traded(texts) or "values differ"


def _null_disease(pairs: Sequence[Pair]) -> str:
    other = {b for a, b in pairs if a is None} | {a for a, b in pairs if b is None}
    lost = all(b is None for _, b in pairs)
    made = all(a is None for a, _ in pairs)
    value = next(iter(other)) if len(other) == 1 else None
    word = _EMPTY.get(value, "a value") if value is not None else "a value"
    if made:
        return f"NULL became {word}"
    return f"{word} became NULL" if lost else "NULL and values mixed up"


def _same_number(a: str, b: str) -> bool:
    one, other = _number(a), _number(b)
    return one is not None and other is not None and one == other


def _rounded(a: str, b: str) -> bool:
    one, other = _number(a), _number(b)
    if one is None or other is None or not (one.is_finite() and other.is_finite()):
        return False
    return len(b) < len(a) and abs(one - other) <= Decimal(10) ** other.normalize().as_tuple().exponent  # type: ignore[operator]


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _stamp(text: str) -> datetime | None:
    match = _STAMP.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _ = match.groups()
    micro = int((fraction or "0").ljust(6, "0"))
    return datetime(  # noqa: DTZ001 - both sides print UTC
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro
    )


def _cut_stamp(a: str, b: str) -> bool:
    one, other = _stamp(a), _stamp(b)
    return one is not None and other is not None and abs(one - other) < timedelta(seconds=1)


def _mojibake(a: str, b: str) -> bool:
    try:
        return a.encode().decode("latin-1") == b or a.encode().decode("cp1252") == b
    except UnicodeError:
        return False


_DISEASES: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("a value became ''", lambda a, b: b == ""),
    ("'' became a value", lambda a, b: a == ""),
    ("trailing blanks differ", lambda a, b: a.rstrip(" ") == b.rstrip(" ")),
    ("letter case differs", lambda a, b: a.casefold() == b.casefold() and a != b),
    ("infinity clamped", lambda a, b: a.lstrip("-").lower() == "infinity"),
    ("number scale differs", _same_number),
    ("fraction of a second cut", _cut_stamp),
    ("number rounded", _rounded),
    ("characters replaced by U+FFFD or ?", lambda a, b: "\ufffd" in b or _replaced(a, b)),
    ("text decoded in the wrong encoding", _mojibake),
    ("truncated", lambda a, b: len(b) < len(a) and a.startswith(b)),
    ("blanks or invisible characters differ", lambda a, b: _visible(a) == _visible(b)),
)


def _replaced(a: str, b: str) -> bool:
    return "?" in b and not a.isascii() and b.isascii()


def _visible(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and not c.isspace())


def _constant_shift(texts: Sequence[tuple[str, str]]) -> str | None:
    shifts = set()
    for a, b in texts:
        one, other = _stamp(a), _stamp(b)
        if one is None or other is None:
            return None
        shifts.add(other - one)
    if len(shifts) != 1:
        return None
    seconds = shifts.pop().total_seconds()
    return f"constant time shift of {seconds:+g} s"


def _traded(texts: Sequence[tuple[str, str]]) -> str | None:
    same = Counter(a for a, _ in texts) == Counter(b for _, b in texts)
    return "values swapped between rows" if len(texts) > 1 and same else None
