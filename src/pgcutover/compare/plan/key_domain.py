"""Maps key values to integers (ordinals) so that key ranges can be split evenly. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql

COARSE_ROWS = 1024  # in a range: worth splitting before its rows are fetched
ROWS_PER_RANGE = 256  # fetched again where one row differs
_MOST_PARTS = 4096
_EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class KeyDomain:
    """One key type: every ordinal from `lowest` to `highest` is a value of the type.

    `text` writes an ordinal as the type reads it, `ordinal` is its inverse; `ends` are the type's
    least and greatest value.
    """

    type: str
    lowest: int
    highest: int
    text: Callable[[int], str]
    ordinal: Callable[[str], int | None]
    ends: tuple[str, str]

    def firsts(self, ranges: Sequence["KeyRange"]) -> sql.Composed:
        """Return an array of the least value of each range."""
        return self._array(
            [self.ends[0] if r.first is None else self.text(r.first) for r in ranges]
        )

    def lasts(self, ranges: Sequence["KeyRange"]) -> sql.Composed:
        """Return an array of the greatest value of each range."""
        return self._array([self.ends[1] if r.last is None else self.text(r.last) for r in ranges])

    def _array(self, texts: list[str]) -> sql.Composed:
        return sql.SQL("{}::{}").format(sql.Literal(texts), sql.SQL(f"{self.type}[]"))


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A range of ordinals, both ends included; None is the end of the type."""

    first: int | None
    last: int | None

    def split(self, rows: int) -> list["KeyRange"]:
        """Return parts of about ROWS_PER_RANGE rows, if `rows` are spread evenly, or itself."""
        if self.first is None or self.last is None or self.first == self.last:
            return [self]
        ordinals = self.last - self.first + 1
        width = -(-ordinals // min(max(rows // ROWS_PER_RANGE, 2), ordinals, _MOST_PARTS))
        starts = range(self.first, self.last + 1, width)
        return [KeyRange(start, min(start + width - 1, self.last)) for start in starts]


def _uuid_text(ordinal: int) -> str:
    return f"{ordinal:032x}"


def _uuid_ordinal(text: str) -> int:
    return int(text.replace("-", ""), 16)


def _time_text(ordinal: int) -> str:
    moment = _EPOCH + timedelta(microseconds=ordinal)
    return moment.isoformat(" ", "microseconds")


def _time_ordinal(text: str) -> int | None:
    """None for infinities, BC and years of five digits: those keys are in the outermost ranges."""
    try:
        moment = datetime.fromisoformat(text.removesuffix("+00"))
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _integers(octets: int) -> KeyDomain:
    end = 2 ** (8 * octets - 1)
    return KeyDomain(f"int{octets}", -end, end - 1, str, int, (str(-end), str(end - 1)))


def _times(name: str) -> KeyDomain:
    lowest, highest = (
        (moment - _EPOCH) // timedelta(microseconds=1)
        for moment in (datetime(1, 1, 2), datetime(9999, 12, 30))
    )
    return KeyDomain(name, lowest, highest, _time_text, _time_ordinal, ("-infinity", "infinity"))


KEY_DOMAINS: dict[str, KeyDomain] = {
    domain.type: domain
    for domain in (
        *map(_integers, (2, 4, 8)),
        KeyDomain("uuid", 0, 2**128 - 1, _uuid_text, _uuid_ordinal, ("0" * 32, "f" * 32)),
        _times("timestamp"),
        _times("timestamptz"),
    )
}
