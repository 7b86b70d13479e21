"""Causes found in dates, times and intervals: shifts, lost parts, other zones."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pgcutover.compare.differences.causes import Pair

_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?([+-]\d\d)?$")
_TIMETZ = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$")
_INTERVAL = re.compile(
    r"(?=.)(?:(-?\d+) years? ?)?(?:(-?\d+) mons? ?)?(?:(-?\d+) days? ?)?"
    r"(?:(-)?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$"
)
_QUARTER_HOUR = timedelta(minutes=15)
_CLOCKS_APART = timedelta(seconds=5)


def stamp(text: str) -> datetime | None:
    """Return the date or time that a text represents, without its offset; None for other texts."""
    match = _STAMP.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(n or 0) for n in match.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, _micros(match[7]))
    except ValueError:
        return None


def _micros(digits: str | None) -> int:
    return int((digits or "0").ljust(6, "0"))


def _stamps(a: str, b: str) -> tuple[datetime, datetime] | None:
    one, other = stamp(a), stamp(b)
    return None if one is None or other is None else (one, other)


def _fraction_cut(a: str, b: str) -> bool:
    both = _stamps(a, b)
    if both is None or both[0] == both[1]:
        return False
    return abs(both[0] - both[1]) < timedelta(seconds=1) and len(b) < len(a)


def _cut_by(cut: Callable[[datetime], datetime]) -> Pair:
    def explains(a: str, b: str) -> bool:
        both = _stamps(a, b)
        return both is not None and both[0] != both[1] == cut(both[0]).replace(microsecond=0)

    return explains


def _day_and_month(a: str, b: str) -> bool:
    both = _stamps(a, b)
    if both is None:
        return False
    one, other = both
    swapped = (one.year, one.day, one.month) == (other.year, other.month, other.day)
    return swapped and one.time() == other.time() and one.day != one.month


def _century(a: str, b: str) -> bool:
    return stamp(a) is not None and stamp(b) is not None and a[2:] == b[2:] and a[:2] != b[:2]


def _instant(text: str) -> timedelta | None:
    match = _TIMETZ.match(text)
    if match is None:
        return None
    hour, minute, second = (int(match[n]) for n in (1, 2, 3))
    own = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=_micros(match[4]))
    east = timedelta(hours=int(match[6]), minutes=int(match[7] or 0), seconds=int(match[8] or 0))
    return own - east if match[5] == "+" else own + east


def _same_instant(a: str, b: str) -> bool:
    one, other = _instant(a), _instant(b)
    if one is None or other is None:
        return False
    return (one - other) % timedelta(days=1) == timedelta()


def _interval(text: str) -> timedelta | None:
    """Return an interval with months of 30 days, as PostgreSQL compares them."""
    match = _INTERVAL.match(text)
    if match is None or not any(match.groups()):
        return None
    years, months, days = (int(match[n] or 0) for n in (1, 2, 3))
    hours, minutes, seconds = (int(match[n] or 0) for n in (5, 6, 7))
    clock = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=_micros(match[8]))
    try:
        return timedelta(days=(years * 12 + months) * 30 + days) + clock * (-1 if match[4] else 1)
    except OverflowError:
        return None


def _same_interval(a: str, b: str) -> bool:
    one = _interval(a)
    return one is not None and one == _interval(b)


FIRST: tuple[tuple[str, Pair], ...] = (
    ("infinity clamped", lambda a, b: a.lstrip("-").lower() == "infinity"),
    ("BC lost", lambda a, b: a == f"{b} BC"),
    ("UTC offset lost", lambda a, b: bool(re.fullmatch(re.escape(b) + r"[+-]\d\d(:\d\d)*", a))),
    ("UTC offset changed, same instant", _same_instant),
    ("24:00 became 00:00", lambda a, b: a.startswith("24:00:00") and a.replace("24", "00", 1) == b),
    ("interval units converted", _same_interval),
    ("time of day lost", _cut_by(lambda t: t.replace(hour=0, minute=0, second=0))),
    ("minutes lost", _cut_by(lambda t: t.replace(minute=0, second=0))),
    ("seconds lost", _cut_by(lambda t: t.replace(second=0))),
    ("fraction of a second cut", _fraction_cut),
    ("day and month swapped", _day_and_month),
    ("century changed", _century),
)


def shift(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the shift of all times in seconds, or its kind; None if there is none."""
    shifts = set()
    for a, b in pairs:
        both = _stamps(a, b)
        if both is None:
            return None
        shifts.add(both[1] - both[0])
    if len(shifts) == 1:
        return f"constant time shift of {_seconds(shifts.pop())}"
    if _is_zone(shifts):
        first, last = sorted(shifts)
        return f"time shift by a zone with daylight saving, {_seconds(first)} or {_seconds(last)}"
    if all(abs(each) <= _CLOCKS_APART for each in shifts):
        return "times up to 5 s apart, as two clock readings are"
    if all(each < timedelta() for each in shifts):
        return "earlier on the target in every sampled row"
    if all(each > timedelta() for each in shifts):
        return "later on the target in every sampled row"
    return None


def _is_zone(shifts: set[timedelta]) -> bool:
    """Return whether two shifts are one zone's summer and winter offsets (Lord Howe: 30 min)."""
    if len(shifts) != 2 or any(each % _QUARTER_HOUR for each in shifts):
        return False
    apart = max(shifts) - min(shifts)
    within = all(abs(each) <= timedelta(hours=15) for each in shifts)
    return within and apart in (timedelta(hours=1), timedelta(minutes=30))


def _seconds(each: timedelta) -> str:
    return f"{each.total_seconds():+g} s"
