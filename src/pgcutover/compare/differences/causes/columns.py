"""Causes that only several values of a column show."""

from collections import Counter, defaultdict
from collections.abc import Sequence

_LEAST = 3


def swapped_between_rows(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the cause if the rows hold each other's values; else None."""
    same = Counter(a for a, _ in pairs) == Counter(b for _, b in pairs)
    return "values swapped between rows" if len(pairs) > 1 and same else None


def one_value(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the cause if different values all became one; else None."""
    several = len({a for a, _ in pairs}) >= _LEAST
    return "all became the same value" if several and len({b for _, b in pairs}) == 1 else None


def of_other_rows(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the cause if most values belong to other rows of the sample; else None."""
    own = {a for a, _ in pairs}
    if len(own) < max(_LEAST, len(pairs) * 3 // 4):
        return None
    found = sum(b in own for _, b in pairs)
    return "values of other rows" if found * 4 >= len(pairs) * 3 else None


def renamed(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the cause if each value always became the same other one; else None."""
    became = defaultdict(set)
    for a, b in pairs:
        became[a].add(b)
    is_function = all(len(values) == 1 for values in became.values())
    distinct = len({b for _, b in pairs}) == len(became)
    if not (is_function and distinct and len(pairs) >= 2 * len(became) and len(pairs) >= _LEAST):
        return None
    return "each value replaced by another one, always the same"
