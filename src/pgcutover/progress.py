"""How far a comparison is: rows a second and time left, per table and overall.

Pure: no clock, no I/O; times are seconds of any steady clock. Estimates may be missing or wrong;
they shape what is shown and nothing else.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["reading", "waiting", "drilling", "done"]

WINDOW_SECONDS = 20.0
_FEWEST_SECONDS = 1.0  # a rate over less says nothing
_SAMPLE_SECONDS = 0.5


class Progress(Protocol):
    """What the engine calls, some times a second; a note never holds a value of a row."""

    def __call__(
        self,
        table: str,
        rows_done: int,
        rows_expected: int | None,
        state: State,
        note: str = "",
    ) -> None:
        """Take the news of one table."""


@dataclass(frozen=True, slots=True)
class Status:
    """One table's news."""

    table: str
    rows_done: int
    rows_expected: int | None
    state: State
    note: str = ""


class Window:
    """A growing count, and its speed over the last seconds."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, count: int) -> None:
        """The count as of now; the first one is where the measuring starts."""
        if len(self._samples) > 1 and now - self._samples[-2][0] < _SAMPLE_SECONDS:
            self._samples.pop()
        self._samples.append((now, count))
        self._forget(now)

    def rate(self, now: float) -> float | None:
        """Counts a second; None until there is enough to tell."""
        self._forget(now)
        if not self._samples or now - self._samples[0][0] < _FEWEST_SECONDS:
            return None
        (begun, first), (_, last) = self._samples[0], self._samples[-1]
        return (last - first) / (now - begun)

    def _forget(self, now: float) -> None:
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()


class Meter:
    """One table's progress from its first news on."""

    def __init__(self, now: float, status: Status) -> None:
        """Rows of the first news are a start, not a speed: a resumed run did not read them."""
        self.status, self._window = status, Window()
        self._window.add(now, status.rows_done)

    @property
    def ended(self) -> bool:
        """Whether the table came to its end."""
        return self.status.state == "done"

    @property
    def percent(self) -> int | None:
        """0 to 99 before the end, 100 at the end, None without an estimate."""
        if self.ended:
            return 100
        return _percent(self.status.rows_done, self.status.rows_expected)

    @property
    def rows_left(self) -> int | None:
        """How many rows are still to come; None without an estimate, or past it."""
        return _left(self.status.rows_done, self.status.rows_expected)

    def update(self, now: float, status: Status) -> int:
        """Take news; how many rows it adds. Fewer rows than before begin another pass."""
        added = status.rows_done - self.status.rows_done
        if added < 0:
            self._window, added = Window(), 0
        self.status = status
        self._window.add(now, status.rows_done)
        return added

    def rate(self, now: float) -> float | None:
        """Rows a second over the last seconds."""
        return self._window.rate(now)

    def eta_seconds(self, now: float) -> float | None:
        """Seconds to the end; None where nothing can tell."""
        return 0.0 if self.ended else _eta(self.rows_left, self.rate(now))

    def line(self, now: float) -> str:
        """One line without its end."""
        status = self.status
        amount = _amount(status.rows_done, None if self.ended else status.rows_expected)
        words = [_printable(status.table), amount, _percent_text(self.percent)]
        if not self.ended:
            words += [_rate_text(self.rate(now)), _eta_text(self.eta_seconds(now))]
        if status.state != "reading" or status.note:
            words.append(_printable(": ".join(filter(None, (status.state, status.note)))))
        return "  ".join(filter(None, words))


class Overall:
    """All tables of a run; `estimates` are rows of tables from which no news came yet."""

    def __init__(self, tables: int, estimates: Mapping[str, int] | None = None) -> None:
        """`tables` is how many there are to come to their end."""
        self._tables, self._estimates = tables, dict(estimates or {})
        self._meters: dict[str, Meter] = {}
        self._ended: dict[str, int] = {}
        self._read, self._window = 0, Window()

    @property
    def ended(self) -> int:
        """How many tables came to their end; a table that is read once more stays among them."""
        return len(self._ended)

    @property
    def percent(self) -> int | None:
        """0 to 99 before the last table's end, then 100; None while an estimate is missing."""
        return 100 if self._all_ended else _percent(self.rows_done, self.rows_expected)

    @property
    def rows_done(self) -> int:
        """Rows of all tables, each counted once."""
        begun = (m.status.rows_done for n, m in self._meters.items() if n not in self._ended)
        return sum(self._ended.values()) + sum(begun)

    @property
    def rows_expected(self) -> int | None:
        """Rows of all tables; None while an estimate is missing."""
        expected = [self._expected(name) for name in self._estimates.keys() | self._meters.keys()]
        known = [rows for rows in expected if rows is not None]
        return sum(known) if len(known) == len(expected) >= self._tables else None

    def update(self, now: float, status: Status) -> None:
        """Take the news of one table."""
        meter = self._meters.get(status.table)
        if meter is None:
            self._meters[status.table] = Meter(now, status)
        else:
            self._read += meter.update(now, status)
        if status.state == "done":
            self._ended.setdefault(status.table, status.rows_done)
        self._window.add(now, self._read)

    def rate(self, now: float) -> float | None:
        """Rows a second over the last seconds, of all tables together."""
        return self._window.rate(now)

    def eta_seconds(self, now: float) -> float | None:
        """Seconds to the end of the last table; None where nothing can tell."""
        if self._all_ended:
            return 0.0
        return _eta(_left(self.rows_done, self.rows_expected), self.rate(now))

    def current(self) -> tuple[Meter, ...]:
        """The tables being read now, the one with most rows to come first."""
        reading = (m for m in self._meters.values() if not m.ended)
        return tuple(sorted(reading, key=lambda m: -(m.rows_left or 0)))

    def line(self, now: float) -> str:
        """One line without its end."""
        words = [
            f"tables {self.ended} of {self._tables}",
            _amount(self.rows_done, self.rows_expected),
            _percent_text(self.percent),
        ]
        if not self._all_ended:
            words += [_rate_text(self.rate(now)), _eta_text(self.eta_seconds(now))]
        return ", ".join(filter(None, words))

    def full_line(self, now: float) -> str:
        """The overall line, then the tables being read."""
        return " | ".join([self.line(now), *(meter.line(now) for meter in self.current())])

    @property
    def _all_ended(self) -> bool:
        return self.ended >= self._tables

    def _expected(self, name: str) -> int | None:
        if name in self._ended:
            return self._ended[name]
        if name not in self._meters:
            return self._estimates[name]
        status = self._meters[name].status
        estimate = status.rows_expected
        estimate = self._estimates.get(name) if estimate is None else estimate
        return None if estimate is None else max(estimate, status.rows_done)


def rows_text(rows: float) -> str:
    """A count in at most three digits: 950, 12.4 k, 5.0 M, 80 M, 2.1 G."""
    if round(rows) < 1_000:
        return str(round(rows))
    for unit, size in (("k", 1e3), ("M", 1e6)):
        if rows / size < 999.5:
            return f"{_short(rows / size)} {unit}"
    return f"{_short(rows / 1e9)} G"


def duration_text(seconds: float) -> str:
    """Hours, minutes and seconds: 0:04:10."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def fitted(text: str, width: int) -> str:
    """The text in at most that many characters."""
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."[: max(0, width)]


def _short(number: float) -> str:
    if number >= 99.95:
        return f"{number:.0f}"
    text = f"{number:.1f}"
    return text.removesuffix(".0") if number >= 9.95 else text


def _percent(done: int, expected: int | None) -> int | None:
    return min(99, done * 100 // expected) if expected else None


def _left(done: int, expected: int | None) -> int | None:
    return expected - done if expected is not None and expected > done else None


def _eta(left: int | None, rate: float | None) -> float | None:
    return left / rate if left is not None and rate else None


def _amount(done: int, expected: int | None) -> str:
    if _left(done, expected) is None:  # none, or one that was too low
        return f"{rows_text(done)} rows"
    return f"{rows_text(done)} of {rows_text(expected or 0)} rows"


def _percent_text(percent: int | None) -> str:
    return "" if percent is None else f"{percent} %"


def _rate_text(rate: float | None) -> str:
    return "" if rate is None else f"{rows_text(rate)} rows/s"


def _eta_text(seconds: float | None) -> str:
    return "" if seconds is None else f"ETA {duration_text(seconds)}"


def _printable(text: str) -> str:
    """The text without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)
