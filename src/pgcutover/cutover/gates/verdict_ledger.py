"""Decides whether the ledgers that a verdict names are those that run now."""

from collections.abc import Iterator
from dataclasses import dataclass

from pgcutover.ledger.identity import LedgerIdentity
from pgcutover.ledger.model import SlotState
from pgcutover.ledger.visibility import Snapshot
from pgcutover.pgoutput.messages import format_lsn, parse_lsn
from pgcutover.sides import LABELS, Sides
from pgcutover.verdict_json.document import ChangeLedger, LedgerSlot


@dataclass(frozen=True, slots=True)
class ExpectedLedgers:
    """The ledgers that run now; `faults` are the reasons why changes may be missing from them."""

    identity: LedgerIdentity | None
    faults: tuple[str, ...] = ()


def find_ledger_reasons(made_with: ChangeLedger | None, now: ExpectedLedgers) -> Iterator[str]:
    """Yield every reason why the ledgers do not continue from the verdict's comparisons."""
    yield from now.faults
    if now.identity is None:
        yield 'the change ledgers have not begun; expected "pgcutover ledger run" before the gate'
    elif made_with is None:
        yield "it was made without the change ledgers; start them before the gate"
    elif made_with.id != now.identity.id:
        yield (
            f"change ledgers: expected those of today ({now.identity.id[:12]}), found "
            f"{made_with.id[:12]}: they were begun anew, or the file is another one"
        )
    else:
        slots = Sides(made_with.source, made_with.target)
        for label, then, state in zip(LABELS, slots, now.identity.slots, strict=True):
            yield from _other_slot(label, then, state)
        yield from _lost_comparisons(made_with, now.identity)


def _other_slot(label: str, then: LedgerSlot, now: SlotState) -> Iterator[str]:
    for name in ("slot", "system_identifier", "timeline", "database", "snapshot"):
        expected, found = getattr(now, name), getattr(then, name)
        if expected != found:
            yield f"{label}: {name} of the ledger: expected {expected}, found {found}"
    if parse_lsn(then.position) > now.position:
        yield (
            f"{label}: expected the ledger at {then.position} or later, found it at "
            f"{format_lsn(now.position)}: its file is an older copy"
        )


def _lost_comparisons(made_with: ChangeLedger, now: LedgerIdentity) -> Iterator[str]:
    lost = [
        then.table
        for then in made_with.comparisons
        if not _is_kept(
            Sides(then.source_snapshot, then.target_snapshot), now.comparisons.get(then.table)
        )
    ]
    if lost:
        yield f"comparisons that the ledgers do not hold any more: {', '.join(sorted(lost))}"


def _is_kept(then: Sides[str], now: Sides[str] | None) -> bool:
    """Return whether the comparison, or a later one of the table, is recorded."""
    return now is not None and all(
        Snapshot.parse(later).includes(Snapshot.parse(first))
        for later, first in zip(now, then, strict=True)
    )
