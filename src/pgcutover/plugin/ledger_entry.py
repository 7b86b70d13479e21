"""The change ledgers as verdict.json names them."""

from typing import Any

from pgcutover.ledger.identity import LedgerIdentity
from pgcutover.ledger.model import SlotState
from pgcutover.pgoutput.messages import format_lsn


def describe_ledgers(ledger: LedgerIdentity | None) -> dict[str, Any] | None:
    """Return the ledgers that a run's comparisons are recorded in; None where there are none."""
    if ledger is None:
        return None
    return {
        "id": ledger.id,
        "source": _slot(ledger.slots.source),
        "target": _slot(ledger.slots.target),
        "comparisons": [
            {"table": name, "source_snapshot": taken.source, "target_snapshot": taken.target}
            for name, taken in ledger.comparisons.items()
        ],
    }


def _slot(state: SlotState) -> dict[str, Any]:
    names = ("slot", "system_identifier", "timeline", "database", "snapshot")
    plain = {name: getattr(state, name) for name in names}
    return {**plain, "position": format_lsn(state.position)}
