"""Which recorded changes a comparison covers: the part of the proof that deletes keys.

docs/how-the-proof-works.md holds the argument. Comparisons of one table are used in one order: each
sees all that those before it saw, on both sides. One that does not is not used, so a key whose
changes were closed by several comparisons is equal in the last of them.
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pgcutover.compare.snapshots import Taken
from pgcutover.errors import UnreadableError
from pgcutover.ledger.model import Compared, Key, Label, SlotState
from pgcutover.ledger.store import SUSPECT, Store, add_to_counter
from pgcutover.ledger.visibility import Snapshot
from pgcutover.sides import LABELS, Sides


@dataclass(frozen=True, slots=True)
class TableKeys:
    """The keys of a table that were compared: `equal` ones, and those that differ."""

    table: str
    equal: Sequence[Key]
    differing: Sequence[Key] = ()


def record_comparison(store: Store, compared: Compared, fingerprints: Sides[str]) -> str:
    """Use a comparison that found a whole table equal; return the reason if it cannot be used.

    UnreadableError if it was made on a standby or on another server than the slots.
    """
    _refuse_foreign(store, compared)
    first = compared.first.map(lambda taken: Snapshot.parse(taken.snapshot))
    last = compared.last.map(lambda taken: Snapshot.parse(taken.snapshot))
    with store.transaction() as database:
        if reason := _not_usable(database, store, compared.table, first):
            return reason
        _set_floor(database, compared.table, last)
        database.execute(
            "update compared set baseline_source = ?, baseline_target = ?, fingerprint_source = ?,"
            " fingerprint_target = ?, altered = null where name = ?",
            (*map(str, first), *fingerprints, compared.table),
        )
        _register(database, first)
        database.execute(
            "delete from whole where name = ? and covered(side, xid)", (compared.table,)
        )
        _close(database, "name = ?", [(compared.table,)])
        database.executemany(
            "insert or ignore into change values (?, ?, ?, 0, ?)",
            [(compared.table, key, SUSPECT, time.time()) for key in compared.suspects],
        )
    return ""


def record_keys(store: Store, found: TableKeys, snapshots: Sides[Taken]) -> int:
    """Close the changes of equal keys that the snapshots cover; return how many keys are closed."""
    parsed = snapshots.map(lambda taken: Snapshot.parse(taken.snapshot))
    with store.transaction() as database:
        if _not_usable(database, store, found.table, parsed):
            return 0
        _set_floor(database, found.table, parsed)
        _register(database, parsed)
        equal = [(found.table, key) for key in found.equal]
        closed = _close(database, "name = ? and key = ?", equal)
        _record_attempts(database, found)
    return closed


def require_primary(label: str, taken: Taken) -> None:
    """Raise UnreadableError for a standby: its snapshot may show running transactions as ended."""
    if taken.in_recovery:
        raise UnreadableError(
            f"{label}: expected the primary, found a standby; its snapshots may list no running "
            "transactions, so nothing read there is proven by the ledger; name the primary"
        )


def _refuse_foreign(store: Store, compared: Compared) -> None:
    for label, taken in zip(LABELS, (*compared.first,), strict=True):
        require_primary(label, taken)
        state = store.slot_state("source" if label == "source" else "target")
        if state is None or not _is_same(state, taken):
            raise UnreadableError(
                f"{label}: expected the server of the ledger's slot, found system identifier "
                f"{taken.system_identifier}; this comparison proves nothing about that server"
            )


def _is_same(state: SlotState, taken: Taken) -> bool:
    return (state.system_identifier, state.database) == (taken.system_identifier, taken.database)


def _not_usable(
    database: sqlite3.Connection, store: Store, table: str, first: Sides[Snapshot]
) -> str:
    """Return the reason why a comparison cannot be used; '' if it can."""
    for label, snapshot, floor in zip(LABELS, first, _floor(database, store, table), strict=True):
        if not snapshot.includes(floor):
            return (
                f"{table}: its snapshot of the {label} is older than the ledger's slot or than "
                "another comparison of this table"
            )
    return ""


def _floor(database: sqlite3.Connection, store: Store, table: str) -> Sides[Snapshot]:
    """Return the snapshots that a comparison has to include."""
    row = database.execute(
        "select floor_source, floor_target from compared where name = ?", (table,)
    ).fetchone()
    database.execute("insert or ignore into compared (name) values (?)", (table,))
    states = (store.slot_state("source"), store.slot_state("target"))
    created = [state.snapshot if state else "" for state in states]
    found = [text or begin for text, begin in zip(row or ("", ""), created, strict=True)]
    return Sides(*map(Snapshot.parse, found))


def raise_floor(store: Store, table: str, label: Label, floor: Snapshot) -> None:
    """Require a new comparison of a table that includes this snapshot of one side."""
    with store.transaction() as database:
        known = _floor(database, store, table)
        database.execute("delete from compared where name = ?", (table,))
        database.execute("insert into compared (name) values (?)", (table,))
        raised = Sides(floor, known.target) if label == "source" else Sides(known.source, floor)
        _set_floor(database, table, raised)


def _set_floor(database: sqlite3.Connection, table: str, floor: Sides[Snapshot]) -> None:
    database.execute(
        "update compared set floor_source = ?, floor_target = ? where name = ?",
        (*map(str, floor), table),
    )


def _register(database: sqlite3.Connection, snapshots: Sides[Snapshot]) -> None:
    """Let SQL call covered(side, xid): whether the side's snapshot sees the transaction."""
    source, target = snapshots

    def covered(side: int, xid: int) -> bool:
        if side == SUSPECT:
            return True
        return (target if side else source).sees(xid)

    database.create_function("covered", 2, covered)


def _close(database: sqlite3.Connection, condition: str, values: Sequence[tuple[str, ...]]) -> int:
    """Delete covered changes; return how many were deleted."""
    before = database.total_changes
    delete = f"delete from change where {condition} and covered(side, xid)"  # noqa: S608 - constants
    database.executemany(delete, values)
    closed = database.total_changes - before
    add_to_counter(database, "closed", closed)
    rest = "select 1 from change c where c.name = attempt.name and c.key = attempt.key"
    database.executemany(
        f"delete from attempt where {condition} and not exists ({rest})",  # noqa: S608
        values,
    )
    return closed


def _record_attempts(database: sqlite3.Connection, found: TableKeys) -> None:
    """Record keys that stay open: `covered` if they differ although no change is still unseen."""
    now = time.time()
    rows = [(found.table, key, now, 1) for key in found.differing]
    database.executemany(
        "insert into attempt select name, key, 1, ?3, not max(not covered(side, xid)) from change"
        " where name = ?1 and key = ?2 group by name, key on conflict (name, key)"
        " do update set tries = tries + 1, at = excluded.at, covered = excluded.covered and ?4",
        rows,
    )
    database.executemany(
        "insert into attempt select name, key, 1, ?3, 0 from change"
        " where name = ?1 and key = ?2 group by name, key on conflict (name, key)"
        " do update set tries = tries + 1, at = excluded.at, covered = 0",
        [(found.table, key, now) for key in found.equal],
    )
