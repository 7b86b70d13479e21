"""Naming what happened to a column, from a few of its values on both sides.

The values never leave this process; only the name of the disease does.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

SHOWN_CHARACTERS = 4000  # of a value, to diagnose by; longer ones are told apart by their digest
UNNAMED = "values differ"
_DIGITS = 131_072  # before the decimal point, as numeric allows; a text may claim more


@dataclass(frozen=True, slots=True)
class Cell:
    """A value's beginning, its length, and its digest; the text is None for NULL.

    Equal digests mean equal values; lengths depend on the database's encoding.
    """

    text: str | None = field(repr=False, compare=False)
    characters: int = field(compare=False)
    octets: int = field(compare=False)
    digest: bytes | None = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether the beginning is all there is."""
        return self.characters <= SHOWN_CHARACTERS


Texts = Sequence[tuple[str, str]]
_EMPTY = {"": "''", "0": "0", "f": "false", "NULL": "the text NULL"}
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?([+-]\d\d)?$")


def diagnose(pairs: Sequence[tuple[Cell, Cell]]) -> str:
    """The disease that explains every pair, or 'values differ'."""
    if any(a.text is None or b.text is None for a, b in pairs):
        return _null_disease([(a.text, b.text) for a, b in pairs])
    if all(_is_cut(a, b) for a, b in pairs):
        return _cut_at([b for _, b in pairs])
    if not all(a.is_whole and b.is_whole for a, b in pairs):
        return UNNAMED
    texts = [(a.text or "", b.text or "") for a, b in pairs]
    for name, explains in _DISEASES:
        if all(explains(a, b) for a, b in texts):
            return name
    return _constant_shift(texts) or _rounded_to(texts) or _traded(texts) or UNNAMED


def _null_disease(pairs: Sequence[tuple[str | None, str | None]]) -> str:
    if all(a is None for a, _ in pairs):
        return f"NULL became {_word({b for _, b in pairs})}"
    if all(b is None for _, b in pairs):
        return f"{_word({a for a, _ in pairs})} became NULL"
    return "NULL and values mixed up"


def _word(values: set[str | None]) -> str:
    return _EMPTY.get(values.pop() or "", "a value") if len(values) == 1 else "a value"


def _is_cut(a: Cell, b: Cell) -> bool:
    if not 0 < b.characters < a.characters:
        return False
    begins = (a.text or "").startswith(b.text or "")
    lost = (a.text or "")[b.characters :]
    return begins and not _is_fraction(a, b) and not (a.is_whole and lost.strip(" ") in ("", "BC"))


def _is_fraction(a: Cell, b: Cell) -> bool:
    """Whether both are numbers or times, whose cut end has better names."""
    texts = (a.text or "", b.text or "")
    return a.is_whole and any(
        all(parse(text) is not None for text in texts) for parse in (_number, _stamp)
    )


def _cut_at(cut: Sequence[Cell]) -> str:
    if all((c.text or "").startswith("\\x") for c in cut):
        lengths, unit = {c.octets // 2 - 1 for c in cut}, "bytes"
    elif len({c.octets for c in cut}) == 1 and len({c.characters for c in cut}) != 1:
        lengths, unit = {c.octets for c in cut}, "bytes"
    else:
        lengths, unit = {c.characters for c in cut}, "characters"
    return f"truncated at {lengths.pop()} {unit}" if len(lengths) == 1 else "truncated"


def _number(text: str) -> Decimal | None:
    """The number a text stands for; None for NaN, and for what no column can hold."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return None if number.is_nan() or number.adjusted() > _DIGITS else number


def _same_number(a: str, b: str) -> bool:
    one, other = _number(a), _number(b)
    return one is not None and one == other


def _signed_zero(a: str, b: str) -> bool:
    return {a, b} == {"0", "-0"}


def _rounded_to(texts: Texts) -> str | None:
    places = set()
    for a, b in texts:
        one, other = _number(a), _number(b)
        if one is None or other is None or not (one.is_finite() and other.is_finite()):
            return None
        exponent = int(other.as_tuple().exponent)
        if len(b) >= len(a) or abs(one - other) > Decimal(10) ** exponent:
            return None
        places.add(-exponent)
    several = len(places) != 1 or max(places) < 0
    return "number rounded" if several else f"number rounded to {places.pop()} decimals"


def _stamp(text: str) -> datetime | None:
    match = _STAMP.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(n or 0) for n in match.groups()[:6])
    micro = int((match[7] or "0").ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, micro)
    except ValueError:
        return None


def _cut_stamp(a: str, b: str) -> bool:
    one, other = _stamp(a), _stamp(b)
    if one is None or other is None or one == other:
        return False
    return abs(one - other) < timedelta(seconds=1) and len(b) < len(a)


def _mojibake(a: str, b: str) -> bool:
    for encoding in ("latin-1", "cp1252"):
        try:
            if a.encode().decode(encoding) == b:
                return True
        except UnicodeError:
            continue
    return False


def _same_json(a: str, b: str) -> bool:
    if a[:1] not in ("{", "["):
        return False
    try:
        return bool(json.loads(a, parse_float=Decimal) == json.loads(b, parse_float=Decimal))
    except (ValueError, RecursionError):
        return False


def _replaced(a: str, b: str) -> bool:
    return "\ufffd" in b or ("?" in b and not a.isascii() and b.isascii())


def _visible(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and not c.isspace())


_DISEASES: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("a value became ''", lambda a, b: b == ""),
    ("'' became a value", lambda a, b: a == ""),
    ("trailing blanks differ", lambda a, b: a.rstrip(" ") == b.rstrip(" ")),
    ("letter case differs", lambda a, b: a.casefold() == b.casefold()),
    ("infinity clamped", lambda a, b: a.lstrip("-").lower() == "infinity"),
    ("sign of zero lost", _signed_zero),
    ("number scale differs", _same_number),
    ("BC lost", lambda a, b: a == f"{b} BC"),
    ("UTC offset lost", lambda a, b: bool(re.fullmatch(re.escape(b) + r"[+-]\d\d(:\d\d)*", a))),
    ("fraction of a second cut", _cut_stamp),
    ("characters replaced by U+FFFD or ?", _replaced),
    ("text decoded in the wrong encoding", _mojibake),
    ("bytes stored as their own hex text", lambda a, b: b == "\\x" + a.encode().hex()),
    ("JSON rewritten with the same value", _same_json),
    ("blanks or invisible characters differ", lambda a, b: _visible(a) == _visible(b)),
)


def _constant_shift(texts: Texts) -> str | None:
    shifts = set()
    for a, b in texts:
        one, other = _stamp(a), _stamp(b)
        if one is None or other is None:
            return None
        shifts.add(other - one)
    if len(shifts) != 1:
        return None
    return f"constant time shift of {shifts.pop().total_seconds():+g} s"


def _traded(texts: Texts) -> str | None:
    same = Counter(a for a, _ in texts) == Counter(b for _, b in texts)
    return "values swapped between rows" if len(texts) > 1 and same else None
