"""Wildcards of AWS DMS, as in its user guide, "Wildcards in table mapping"."""

import functools
import re


def matches(pattern: str, name: str) -> bool:
    """Tell if a name is the pattern, or matches its wildcards `%`, `_`, `[ab]` and `[a-d]`."""
    return pattern == name or bool(_regex(pattern).fullmatch(name))


@functools.lru_cache(maxsize=10_000)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\[[^\]]+\]|.", pattern, re.DOTALL)
    return re.compile("".join(_regex_part(part) for part in parts), re.DOTALL)


def _regex_part(part: str) -> str:
    if part == "%":
        return ".*"
    if part == "_":
        return "."
    return _character_set(part[1:-1]) if len(part) > 1 else re.escape(part)


def _character_set(characters: str) -> str:
    ranges = re.findall(r".-.|.", characters, re.DOTALL)
    return f"[{''.join(_range(each) for each in ranges)}]"


def _range(characters: str) -> str:
    first, last = characters[0], characters[-1]
    if len(characters) < 3 or first > last:
        return re.escape(characters)
    return f"{re.escape(first)}-{re.escape(last)}"
