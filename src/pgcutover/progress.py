"""Progress of a comparison: rows per second and time left, per table and overall.

Pure: no clock, no I/O; times are seconds of a monotonic clock. Estimates may be missing or wrong;
they affect the display only.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["reading", "waiting", "drilling", "done"]

WINDOW_SECONDS = 20.0
_FEWEST_SECONDS = 1.0  # a shorter interval gives no useful rate
_SAMPLE_SECONDS = 0.5


class Progress(Protocol):
    """Callback for progress, several times a second; a note never contains a row value."""

    def __call__(
        self,
        table: str,
        rows_done: int,
        rows_expected: int | None,
        state: State,
        note: str = "",
    ) -> None:
        """Report the progress of one table."""


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of one table."""

    table: str
    rows_done: int
    rows_expected: int | None
    state: State
    note: str = ""


class Window:
    """A growing count, and its rate over the last seconds."""

    def __init__(self) -> None:
        """Start without a count."""
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, count: int) -> None:
        """Set the current count; the first one starts the measurement."""
        if len(self._samples) > 1 and now - self._samples[-2][0] < _SAMPLE_SECONDS:
            self._samples.pop()
        self._samples.append((now, count))
        self._forget(now)

    def rate(self, now: float) -> float | None:
        """Return the count per second; None until the interval is long enough."""
        self._forget(now)
        if not self._samples or now - self._samples[0][0] < _FEWEST_SECONDS:
            return None
        (begun, first), (_, last) = self._samples[0], self._samples[-1]
        return (last - first) / (now - begun)

    def _forget(self, now: float) -> None:
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()


class Meter:
    """Progress of one table since its first report."""

    def __init__(self, now: float, status: Status) -> None:
        """Rows of the first report do not count for the rate: a resumed run did not read them."""
        self.status, self._window = status, Window()
        self._window.add(now, status.rows_done)

    @property
    def ended(self) -> bool:
        """Return whether the table is finished."""
        return self.status.state == "done"

    @property
    def percent(self) -> int | None:
        """Return 0 to 99 before the end, 100 at the end, None without an estimate."""
        if self.ended:
            return 100
        return _percent(self.status.rows_done, self.status.rows_expected)

    @property
    def rows_left(self) -> int | None:
        """Return the remaining rows; None without an estimate, or beyond it."""
        return _left(self.status.rows_done, self.status.rows_expected)

    def update(self, now: float, status: Status) -> int:
        """Update and return the added rows; fewer rows than before start another pass."""
        added = status.rows_done - self.status.rows_done
        if added < 0:
            self._window, added = Window(), 0
        self.status = status
        self._window.add(now, status.rows_done)
        return added

    def rate(self, now: float) -> float | None:
        """Return rows per second over the last seconds."""
        return self._window.rate(now)

    def eta_seconds(self, now: float) -> float | None:
        """Return the seconds until the end; None if unknown."""
        return 0.0 if self.ended else _eta(self.rows_left, self.rate(now))

    def line(self, now: float) -> str:
        """Return one line without a line end."""
        status = self.status
        amount = _amount(status.rows_done, None if self.ended else status.rows_expected)
        words = [_printable(status.table), amount, _percent_text(self.percent)]
        if not self.ended:
            words += [_rate_text(self.rate(now)), _eta_text(self.eta_seconds(now))]
        if status.state != "reading" or status.note:
            words.append(_printable(": ".join(filter(None, (status.state, status.note)))))
        return "  ".join(filter(None, words))


class Overall:
    """Progress of all tables; `estimates` are the rows of tables without a report."""

    def __init__(self, tables: int, estimates: Mapping[str, int] | None = None) -> None:
        """`tables` is the number of tables."""
        self._tables, self._estimates = tables, dict(estimates or {})
        self._meters: dict[str, Meter] = {}
        self._ended: dict[str, int] = {}
        self._read, self._window = 0, Window()

    @property
    def ended(self) -> int:
        """Return the number of finished tables; a table that is read again stays finished."""
        return len(self._ended)

    @property
    def percent(self) -> int | None:
        """Return 0 to 99 until the last table is finished, then 100; None without an estimate."""
        return 100 if self._all_ended else _percent(self.rows_done, self.rows_expected)

    @property
    def rows_done(self) -> int:
        """Return the rows read, each counted once."""
        begun = (m.status.rows_done for n, m in self._meters.items() if n not in self._ended)
        return sum(self._ended.values()) + sum(begun)

    @property
    def rows_expected(self) -> int | None:
        """Return the rows of all tables; None without an estimate."""
        expected = [self._expected(name) for name in self._estimates.keys() | self._meters.keys()]
        known = [rows for rows in expected if rows is not None]
        return sum(known) if len(known) == len(expected) >= self._tables else None

    def update(self, now: float, status: Status) -> None:
        """Report the progress of one table."""
        meter = self._meters.get(status.table)
        if meter is None:
            self._meters[status.table] = Meter(now, status)
        else:
            self._read += meter.update(now, status)
        if status.state == "done":
            self._ended.setdefault(status.table, status.rows_done)
        self._window.add(now, self._read)

    def rate(self, now: float) -> float | None:
        """Return rows per second over the last seconds, of all tables."""
        return self._window.rate(now)

    def eta_seconds(self, now: float) -> float | None:
        """Return the seconds until the last table is finished; None if unknown."""
        if self._all_ended:
            return 0.0
        return _eta(_left(self.rows_done, self.rows_expected), self.rate(now))

    def current(self) -> tuple[Meter, ...]:
        """Return the tables being read, the one with the most remaining rows first."""
        reading = (m for m in self._meters.values() if not m.ended)
        return tuple(sorted(reading, key=lambda m: -(m.rows_left or 0)))

    def line(self, now: float) -> str:
        """Return one line without a line end."""
        words = [
            f"tables {self.ended} of {self._tables}",
            _amount(self.rows_done, self.rows_expected),
            _percent_text(self.percent),
        ]
        if not self._all_ended:
            words += [_rate_text(self.rate(now)), _eta_text(self.eta_seconds(now))]
        return ", ".join(filter(None, words))

    def full_line(self, now: float) -> str:
        """Return the overall line, then the tables being read."""
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
    """Return a count in at most three digits: 950, 12.4 k, 5.0 M, 80 M, 2.1 G."""
    if round(rows) < 1_000:
        return str(round(rows))
    for unit, size in (("k", 1e3), ("M", 1e6)):
        if rows / size < 999.5:
            return f"{_short(rows / size)} {unit}"
    return f"{_short(rows / 1e9)} G"


def duration_text(seconds: float) -> str:
    """Return hours, minutes and seconds: 0:04:10."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


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
    if _left(done, expected) is None:  # no estimate, or one that was too low
        return f"{rows_text(done)} rows"
    return f"{rows_text(done)} of {rows_text(expected or 0)} rows"


def _percent_text(percent: int | None) -> str:
    return "" if percent is None else f"{percent} %"


def _rate_text(rate: float | None) -> str:
    return "" if rate is None else f"{rows_text(rate)} rows/s"


def _eta_text(seconds: float | None) -> str:
    return "" if seconds is None else f"ETA {duration_text(seconds)}"


def _printable(text: str) -> str:
    """Return the text without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)
