"""The facts that the ledger records and reports; frozen, without row values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pgcutover.compare.snapshots import Taken
from pgcutover.sides import Sides
from pgcutover.verdict import Verdict

Label = Literal["source", "target"]
Key = str
"""The key of a row: a JSON array of its values as text, in the order of the key's columns."""


@dataclass(frozen=True, slots=True)
class Change:
    """A key that a transaction changed; the transaction's id is top-level and 64 bits wide."""

    table: str
    key: Key
    xid: int


@dataclass(frozen=True, slots=True)
class WholeTable:
    """A change of a whole table that names no key."""

    table: str
    xid: int
    reason: str


@dataclass(frozen=True, slots=True)
class SlotState:
    """A slot, and the server that it is on.

    `snapshot` was taken after the slot was created: a comparison has to include it.
    """

    slot: str
    system_identifier: str
    timeline: int
    plugin: str
    database: str
    position: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison that found a table equal.

    `first` are the oldest snapshots that rows were read in, `last` the newest. `suspects` are keys
    that differed at first, as rows in flight do.
    """

    table: str
    first: Sides[Taken]
    last: Sides[Taken]
    suspects: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class SettleResult:
    """The keys that were compared again: equal ones that are closed, and the rest."""

    compared: int = 0
    closed: int = 0
    differing: int = 0
    seconds: float = 0.0

    def plus(self, other: "SettleResult") -> "SettleResult":
        """Return the sum of both."""
        return SettleResult(
            self.compared + other.compared,
            self.closed + other.closed,
            self.differing + other.differing,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class OpenSet:
    """The keys that are not proven equal, and how their number changes.

    `whole_tables` need a full comparison, each for a reason. Without a rate the forecast is None.
    """

    keys: int
    oldest_seconds: float
    by_table: Mapping[str, int] = field(default_factory=dict)
    whole_tables: Mapping[str, str] = field(default_factory=dict)
    grows_per_second: float | None = None
    drains_per_second: float | None = None
    forecast_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """PASS if all rows are proven equal; FAIL with the keys that differ; else UNKNOWN.

    `reasons` are sentences. `differing` counts the keys of each table.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    differing: Mapping[str, int] = field(default_factory=dict)
    whole_tables: Mapping[str, str] = field(default_factory=dict)
