"""The identity of a migration's ledgers: a verdict names it, and a cutover looks for the same."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from pgcutover.config import Settings
from pgcutover.config.dsn import require_dsn
from pgcutover.ledger.model import Label, SlotState
from pgcutover.ledger.reading import slot
from pgcutover.ledger.reading.watch import Watch
from pgcutover.ledger.store import FILE, Store
from pgcutover.local_folder import NAME
from pgcutover.sides import Sides

_LABELS: Sides[Label] = Sides("source", "target")


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """The ledger's id, its slots, and the snapshots of each table's comparison.

    The id is new whenever a slot is new.
    """

    id: str
    slots: Sides[SlotState]
    comparisons: Mapping[str, Sides[str]] = field(default_factory=dict)


def open_store(settings: Settings) -> Store | None:
    """Return the store that a gate's comparisons are recorded in; None where no ledger runs."""
    path = settings.path.parent / NAME / FILE
    return Store(path) if settings.ledger.is_on and path.exists() else None


def read_identity(settings: Settings) -> LedgerIdentity | None:
    """Return what identifies the ledgers; None where there are none, or one has no slot yet."""
    store = open_store(settings)
    if store is None:
        return None
    with closing(store):
        return identity_of(store)


def identity_of(store: Store) -> LedgerIdentity | None:
    """Return the identity of the ledgers in a store; None where a side has no slot yet."""
    source, target = store.slot_state("source"), store.slot_state("target")
    if source is None or target is None:
        return None
    rows = store.fetch(
        "select name, baseline_source, baseline_target from compared"
        " where baseline_source is not null order by name"
    )
    return LedgerIdentity(
        store.ledger_id(), Sides(source, target), {name: Sides(*pair) for name, *pair in rows}
    )


def find_faults(settings: Settings) -> list[str]:
    """Return why changes may be missing from the ledgers, as recorded or as the slots show now."""
    store = open_store(settings)
    if store is None:
        return []
    dsns = Sides(settings.ledger.source_dsn_env, settings.ledger.target_dsn_env).map(require_dsn)
    with closing(store):
        faults = [_find_fault(store, *pair) for pair in zip(_LABELS, dsns, strict=True)]
    return [fault for fault in faults if fault]


def _find_fault(store: Store, label: Label, dsn: str) -> str:
    if fault := store.fault(label):
        return fault
    with closing(Watch(label, dsn)) as watch:
        return find_slot_fault(store, label, watch)


def find_slot_fault(store: Store, label: Label, watch: Watch) -> str:
    """Return why the slot of a side is not the recorded one; '' if it is, or there is none."""
    state = store.slot_state(label)
    if state is None:
        return ""
    with watch.look() as connection:
        server = slot.read_server(connection, label)
        found = slot.read_slot(connection, state.slot)
    # read after the slot: a position is recorded here before it is confirmed there
    positions = store.positions(label)
    return slot.describe_identity_fault(label, state, positions, server, found)
