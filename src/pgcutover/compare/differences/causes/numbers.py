"""Causes found in numbers: rounding, lost signs, overflow, conversion through floats."""

import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from pgcutover.compare.differences.causes import Pair

_DIGITS = 131_072  # before the decimal point, the limit of numeric; a text may have more
_DMS_SCALE = 6  # DMS converts a numeric without precision to numeric(28,6)
_WIDTHS = (8, 16, 32, 64)
_LIMITS = {Decimal(limit) for n in _WIDTHS for limit in (2 ** (n - 1) - 1, -(2 ** (n - 1)))}
_FACTORS = {
    **{Decimal(10) ** n: f"multiplied by {10**n}" for n in range(1, 7)},
    **{1 / Decimal(10) ** n: f"divided by {10**n}" for n in range(1, 7)},
    Decimal(60): "multiplied by 60",
    Decimal(1024): "multiplied by 1024",
}


def number(text: str) -> Decimal | None:
    """Return the number that a text represents; None for NaN and for numbers out of range."""
    try:
        parsed = Decimal(text)
    except InvalidOperation:
        return None
    return None if parsed.is_nan() or parsed.adjusted() > _DIGITS else parsed


def is_same_number(a: str, b: str) -> bool:
    """Return whether both texts are the same number."""
    one, other = number(a), number(b)
    return one is not None and one == other


def _finite(a: str, b: str) -> tuple[Decimal, Decimal] | None:
    one, other = number(a), number(b)
    if one is None or other is None or not (one.is_finite() and other.is_finite()):
        return None
    if max(abs(one.adjusted()), abs(other.adjusted())) > 400:
        return None  # arithmetic with the other one would need as many digits
    return one, other


def _lost_zeros(a: str, b: str) -> bool:
    """Return whether an identifier such as 007 was read as a number."""
    return a != b and a.isdecimal() and a.lstrip("0") == b.lstrip("0") and len(b) < len(a)


def _opposite(a: str, b: str) -> bool:
    both = _finite(a, b)
    return both is not None and both[0] == -both[1] != 0


def _wrapped(a: str, b: str) -> bool:
    both = _finite(a, b)
    return both is not None and (both[0] - both[1]).copy_abs() in {Decimal(2**n) for n in _WIDTHS}


def _clamped(a: str, b: str) -> bool:
    both = _finite(a, b)
    return both is not None and both[1] in _LIMITS and abs(both[0]) > abs(both[1])


def _is_reprinted(a: str, b: str, least_digits: int, printed: Callable[[float], list[str]]) -> bool:
    """Return whether a conversion of the source's digits results in the target's."""
    both = _finite(a, b)
    if both is None or both[0] == both[1] or len(both[0].as_tuple().digits) <= least_digits:
        return False
    if both[1].as_tuple().exponent == -_DMS_SCALE:
        return False  # rounding to that scale is the more likely cause
    with suppress(OverflowError, struct.error):
        return both[1] in map(Decimal, printed(float(both[0])))
    return False


def _double(a: str, b: str) -> bool:
    return _is_reprinted(a, b, 15, lambda number: [repr(number), f"{number:.15g}"])


def _single(a: str, b: str) -> bool:
    def printed(number: float) -> list[str]:
        (kept,) = struct.unpack(">f", struct.pack(">f", number))
        return [repr(kept), *(f"{kept:.{digits}g}" for digits in (6, 7, 8, 9))]

    return _is_reprinted(a, b, 6, printed)


def _separator(a: str, b: str) -> bool:
    return "." in a and number(a) is not None and a.replace(".", ",") == b


def _inverted(a: str, b: str) -> bool:
    return (a, b) in (("t", "f"), ("f", "t"))


def _boolean_word(a: str, b: str) -> bool:
    words = ({"t", "true", "1", "yes", "on", "y"}, {"f", "false", "0", "no", "off", "n"})
    return any(a.lower() in word and b.lower() in word for word in words)


FIRST: tuple[tuple[str, Pair], ...] = (
    ("boolean inverted", _inverted),
    ("boolean written differently", _boolean_word),
    ("sign of zero lost", lambda a, b: {a, b} == {"0", "-0"}),
    ("leading zeros lost", _lost_zeros),
    ("number scale differs", is_same_number),
    ("decimal point became a comma", _separator),
    ("sign inverted or lost", _opposite),
    ("integer clamped to its type's limit", _clamped),
    ("integer overflow wrapped around", _wrapped),
    ("number converted through double precision", _double),
    ("number converted through single precision", _single),
)


def rounded(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the scale to which all numbers were rounded; None if one was not."""
    places = set()
    for a, b in pairs:
        both = _finite(a, b)
        if both is None:
            return None
        exponent = int(both[1].as_tuple().exponent)
        if len(b) >= len(a) or abs(both[0] - both[1]) > Decimal(10) ** exponent:
            return None
        places.add(-exponent)
    several = len(places) != 1 or max(places) < 0
    return "number rounded" if several else f"number rounded to {places.pop()} decimals"


def constant_change(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the common factor or difference between all numbers; None if there is none."""
    if len(pairs) < 2:
        return None
    numbers = [_finite(a, b) for a, b in pairs]
    known = [both for both in numbers if both is not None]
    if len(known) < len(numbers):
        return None
    factors = {b / a if a else None for a, b in known}
    if len(factors) == 1 and (name := _FACTORS.get(factors.pop() or Decimal(0))):
        return f"number {name}"
    differences = {b - a for a, b in known}
    if len(differences) == 1 and len({a for a, _ in known}) > 1:
        return "number changed by the same difference in every row"
    return None
