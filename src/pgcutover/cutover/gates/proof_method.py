"""The final gate's method, by the change ledger or by comparing all rows, and its forecast."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass

from pgcutover.config import Settings
from pgcutover.errors import PgCutoverError
from pgcutover.ledger.identity import open_store, read_identity
from pgcutover.ledger.obstacles import find_obstacles
from pgcutover.ledger.open_set import read_open_set
from pgcutover.verdict_json.latest import comparison_seconds

LEDGER, FULL = "change ledger", "full comparison"


@dataclass(frozen=True, slots=True)
class ProofMethod:
    """The method, the reasons why it is not the ledger, and the forecast; None if not known."""

    method: str
    reasons: tuple[str, ...]
    forecast_seconds: float | None
    budget_seconds: float

    @property
    def refusal(self) -> str:
        """The reason why the cutover is refused; '' where the forecast is within the budget."""
        if self.forecast_seconds is None or self.forecast_seconds < self.budget_seconds:
            return ""
        because = f"; no change ledger: {'; '.join(self.reasons)}" if self.reasons else ""
        return (
            f"final gate by {self.method}: forecast {self.forecast_seconds:.1f} s, expected less "
            f"than freeze.budget_seconds ({self.budget_seconds:g} s){because}"
        )

    def describe(self) -> str:
        """Return one line for `plan` and `status`."""
        known = self.forecast_seconds is not None
        forecast = f"{self.forecast_seconds:.1f} s" if known else "not known before a gate"
        words = [self.method, f"forecast {forecast}", f"budget {self.budget_seconds:g} s"]
        if self.refusal:
            words.append("REFUSED above the budget")
        if self.reasons:
            words.append(f"no change ledger: {'; '.join(self.reasons)}")
        return "; ".join(words)

    def plain(self) -> Mapping[str, object]:
        """Return the method as JSON shows it."""
        return {**asdict(self), "reasons": list(self.reasons), "refusal": self.refusal}


def choose_method(settings: Settings) -> tuple[bool, tuple[str, ...]]:
    """Return whether the ledger is used, and why not.

    It is where its slots exist, or can be made. Where that is not known, they are taken as
    possible, so that nothing falls back unseen.
    """
    if not settings.ledger.is_on:
        return False, ("[ledger] is not set in migration.toml",)
    if read_identity(settings) is not None:
        return True, ()
    try:
        obstacles = find_obstacles(settings)
    except PgCutoverError:
        return True, ()
    return not obstacles, obstacles


def read_method(settings: Settings) -> ProofMethod:
    """Return the method, with the forecast from the open set, or from the latest gate."""
    by_ledger, reasons = choose_method(settings)
    seconds = comparison_seconds(settings).values()
    forecast = _open_set_seconds(settings) if by_ledger else sum(seconds) or None
    method = LEDGER if by_ledger else FULL
    return ProofMethod(method, reasons, forecast, settings.freeze.budget_seconds)


def _open_set_seconds(settings: Settings) -> float | None:
    store = open_store(settings)
    if store is None:
        return None
    with closing(store):
        return read_open_set(store, {}, {}).forecast_seconds
