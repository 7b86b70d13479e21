"""The final gate's method, by the change ledger or by comparing all rows, and its forecast."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field

from pgcutover.config import Settings
from pgcutover.errors import PgCutoverError
from pgcutover.ledger.identity import open_store, read_identity
from pgcutover.ledger.model import OpenSet
from pgcutover.ledger.obstacles import find_obstacles
from pgcutover.ledger.open_set import read_open_set
from pgcutover.verdict_json.latest import comparison_seconds

LEDGER, FULL = "change ledger", "full comparison"


@dataclass(frozen=True, slots=True)
class ProofMethod:
    """The method, the reasons why it is not the ledger, and the forecast; None if not known.

    `whole_tables` are those that the ledger cannot follow, each with the reason.
    """

    method: str
    reasons: tuple[str, ...]
    forecast_seconds: float | None
    budget_seconds: float
    whole_tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def refusal(self) -> str:
        """The reason why the cutover is refused; '' where the forecast is within the budget."""
        if self.forecast_seconds is None or self.forecast_seconds < self.budget_seconds:
            return ""
        sentence = (
            f"final gate by {self.method}: forecast {self.forecast_seconds:.1f} s, expected less "
            f"than freeze.budget_seconds ({self.budget_seconds:g} s)"
        )
        return "; ".join(filter(None, [sentence, self._why]))

    @property
    def _why(self) -> str:
        words = "; ".join(self.reasons)
        return f"no change ledger: {words}" if words and self.method == FULL else words

    def describe(self) -> str:
        """Return one line for `plan` and `status`."""
        known = self.forecast_seconds is not None
        forecast = f"{self.forecast_seconds:.1f} s" if known else "not known yet"
        words = [self.method, f"forecast {forecast}", f"budget {self.budget_seconds:g} s"]
        if self.refusal:
            words.append("REFUSED above the budget")
        if self.reasons:
            words.append(self._why)
        if self.whole_tables:
            names = ", ".join(f"{name} ({why})" for name, why in self.whole_tables.items())
            words.append(f"all rows compared in the freeze: {names}")
        return "; ".join(words)

    def plain(self) -> Mapping[str, object]:
        """Return the method as JSON shows it."""
        return {**asdict(self), "reasons": list(self.reasons), "refusal": self.refusal}


def choose_method(settings: Settings) -> tuple[bool, tuple[str, ...]]:
    """Return whether the ledger is used, and why not.

    It is where its slots exist, or can be made. Where that is not known, they are taken as
    possible, so that nothing falls back unseen; no error keeps writers waiting.
    """
    if not settings.ledger.is_on:
        return False, ("[ledger] is not set in migration.toml",)
    try:
        obstacles = () if read_identity(settings) else find_obstacles(settings)
    except (PgCutoverError, sqlite3.Error) as error:
        return True, (f"its state cannot be read: {error}",)
    return not obstacles, obstacles


def read_method(settings: Settings) -> ProofMethod:
    """Return the method, with the forecast from the open set and the latest gate."""
    by_ledger, reasons = choose_method(settings)
    seconds, budget = comparison_seconds(settings), settings.freeze.budget_seconds
    if not by_ledger:
        return ProofMethod(FULL, reasons, sum(seconds.values()) or None, budget)
    found = None if reasons else _read_open_set(settings)
    whole = found.whole_tables if found else {}
    costs = [found.forecast_seconds if found else None, *map(seconds.get, whole)]
    known = [cost for cost in costs if cost is not None]
    forecast = sum(known) if len(known) == len(costs) else None
    return ProofMethod(LEDGER, reasons, forecast, budget, whole)


def _read_open_set(settings: Settings) -> OpenSet | None:
    store = open_store(settings)
    if store is None:
        return None
    with closing(store):
        tables = store.plan()
        return read_open_set(store, tables, {name: why for name, why in tables.items() if why})
