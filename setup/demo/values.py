"""Seeded values of a health application; the same seed gives the same values.

Values that AWS DMS is documented to change (±infinity, numeric beyond (28,6), BC dates) are left
out: a clean rehearsal must be able to move all data.
"""

import random
import uuid
from datetime import UTC, date, datetime, timedelta

FIRST_INSTANT = datetime(2025, 1, 1, tzinfo=UTC)
REFERENCE_INSTANT = datetime(2026, 7, 1, tzinfo=UTC)
"""Where the generated past ends; never the wall clock, so that a seed means one database."""

_SPAN_SECONDS = int((REFERENCE_INSTANT - FIRST_INSTANT).total_seconds())

# one microsecond before and after each clock change of Sydney, London and New York
_CLOCK_CHANGES = tuple(
    datetime.fromisoformat(text) + timedelta(microseconds=offset)
    for text in (
        "2025-04-05T16:00:00+00:00",
        "2025-10-04T16:00:00+00:00",
        "2026-04-04T16:00:00+00:00",
        "2025-03-30T01:00:00+00:00",
        "2025-10-26T01:00:00+00:00",
        "2026-03-08T07:00:00+00:00",
    )
    for offset in (-1, 0, 1)
)
_MONTH_ENDS = tuple(
    datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    for n in range(1, 19)
)
_GIVEN = (
    "Amelia",
    "Noah",
    "Zoë",
    "François",
    "Søren",
    "Nguyễn Thị",
    "José",
    "Jose\u0301",
    "Ανδρέας",
    "Ольга",
    "محمد",
    "אסתר",
    "अनन्या",
    "小龍",
    "さくら",
    "지우",
    "Dr.\u00a0Ayşe",
    "Mate\u200bo",
    "O\u2019Brien",
    "👩🏽\u200d⚕️ Kim",
)
_FAMILY = (
    "Müller",
    "O'Connor",
    "Nguyễn",
    "李",
    "Ångström",
    "da Silva",
    "Παπάς",
    "ابن سينا",
    "Smith",
)
_SENTENCES = (
    "Blood pressure is trending down; keep the evening walk.",
    "Take one tablet with food, twice a day.",
    "Slept badly after the night shift — try again on Sunday.",
    "Le patient signale une légère douleur à l'épaule gauche.",
    "血糖値は安定しています。次回は来月です。",
    "Добавьте 20 минут ходьбы после ужина.",
    "Goal reached! 🎉🏃‍♀️ Next: 10 000 steps.",
    "Quotes 'single' and \"double\", a backslash \\ and a tab\there.",
    "First line\nsecond line\r\nthird line",
    "The word NULL, the mark \\N and a lone % sign.",
    "مستوى السكر طبيعي اليوم.",
    "trailing spaces matter   ",
)
_DEVICES = ("withings", "fitbit", "apple_health", "manual", "garmin", "clinic")


class Values:
    """A seeded stream of values; each table has its own."""

    def __init__(self, seed: int | str, stream: str) -> None:
        self.rng = random.Random(f"{seed}/{stream}")  # noqa: S311 - repeatable, not secret

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def below(self, limit: int) -> int:
        return int(self.rng.random() * limit)

    def pick(self, items: tuple[str, ...]) -> str:
        return items[self.below(len(items))]

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def name(self) -> str:
        return f"{self.pick(_GIVEN)} {self.pick(_FAMILY)}"

    def family(self) -> str | None:
        """Return NULL, the empty string, or a name."""
        roll = self.rng.random()
        return None if roll < 0.1 else "" if roll < 0.2 else self.pick(_FAMILY)

    def sentence(self) -> str:
        return self.pick(_SENTENCES)

    def text(self, longest: int = 8) -> str | None:
        """Return NULL, '', or sentences; one in 500 is longer than a PostgreSQL page."""
        roll = self.rng.random()
        if roll < 0.08:
            return None
        if roll < 0.16:
            return ""
        if roll > 0.998:
            return " ".join(self.sentence() for _ in range(250 + self.below(250)))
        return " ".join(self.sentence() for _ in range(1 + self.below(longest)))

    def moment(self) -> datetime:
        """Return a time with microseconds; sometimes a month's end or a clock change."""
        roll = self.rng.random()
        if roll < 0.04:
            return _MONTH_ENDS[self.below(len(_MONTH_ENDS))]
        if roll < 0.08:
            return _CLOCK_CHANGES[self.below(len(_CLOCK_CHANGES))]
        return self.moment_at(self.rng.random())

    def moment_at(self, position: float) -> datetime:
        """Return the time at a position from 0 to 1 of the span, with a random microsecond."""
        second = int(position * (_SPAN_SECONDS - 1))
        return FIRST_INSTANT + timedelta(seconds=second, microseconds=self.below(1_000_000))

    def day(self) -> date:
        return self.moment().date()

    def decimal(self, low: float, high: float, scale: int) -> str:
        """Return a number with exactly so many decimals, trailing zeros included."""
        return f"{low + self.rng.random() * (high - low):.{scale}f}"

    def device(self) -> str:
        return self.pick(_DEVICES)

    def real_array(self, length: int) -> str:
        bits = self.rng.getrandbits
        return "{" + ",".join([f"{bits(20) / 524288 - 1:.6f}" for _ in range(length)]) + "}"

    def picture(self, size: int) -> bytes:
        """Return a PNG header followed by incompressible bytes."""
        return b"\x89PNG\r\n\x1a\n" + self.rng.randbytes(max(1, size - 8))

    def document(self) -> str:
        """Return jsonb with nested numbers whose scale matters: 1.0 is not 1.00."""
        sys, dia = 95 + self.below(60), 55 + self.below(40)
        return (
            f'{{"bp": {{"systolic": {sys}, "diastolic": {dia}, "ratio": {sys / dia:.3f}}},'
            f' "trend": [{self.decimal(0, 9, 1)}, {self.decimal(0, 9, 2)}, 1.0, 1.00, 1.5e-7],'
            f' "note": {self._json_text()}, "flags": {{"urgent": {self._json_bool()}, "n": null}},'
            f' "count": {self.rng.getrandbits(53)}}}'
        )

    def _json_bool(self) -> str:
        return "true" if self.chance(0.5) else "false"

    def _json_text(self) -> str:
        return self.pick(('""', "null", '"Zoë \\u2014 ok"', '"\\"quoted\\" \\\\ \\n"', '"李"'))
