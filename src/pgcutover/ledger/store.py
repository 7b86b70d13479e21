"""The ledger on disk: one SQLite file beside migration.toml.

Keys and the position up to which a slot was read are committed together, and only then may the slot
be confirmed. `synchronous = full`: a commit survives a power cut, because the slot forgets what it
has confirmed.
"""

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pgcutover.errors import PgCutoverError
from pgcutover.ledger.model import Change, Label, SlotState, WholeTable

FILE = "ledger.sqlite"
FORMAT = 1
_SIDES: dict[str, int] = {"source": 0, "target": 1}
SUSPECT = 2  # in place of a side: a key that differed in the comparison of its whole table
_SCHEMA = """
pragma journal_mode = wal;
pragma synchronous = full;
create table if not exists meta (name text primary key, value);
create table if not exists side (
    side integer primary key, slot text, system_identifier text, timeline integer, plugin text,
    database text, position integer, snapshot text, fault text);
create table if not exists position (side integer, lsn integer, primary key (side, lsn))
    without rowid;
create table if not exists compared (
    name text primary key, floor_source text, floor_target text, baseline_source text,
    baseline_target text, fingerprint_source text, fingerprint_target text, altered text);
create table if not exists change (
    name text, key text, side integer, xid integer, at real, primary key (name, key, side, xid))
    without rowid;
create table if not exists attempt (
    name text, key text, tries integer, at real, covered integer, primary key (name, key))
    without rowid;
create table if not exists whole (
    name text, side integer, xid integer, reason text, primary key (name, side, xid, reason))
    without rowid;
create table if not exists sample (at real primary key, counters text);
"""


class Store:
    """The connection to the file; its methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Create the file for its owner alone; PgCutoverError if it is no ledger of this format."""
        self.path = path
        self._mutex = threading.RLock()
        try:
            self._database = _open_file(path)
        except (OSError, sqlite3.Error) as error:
            raise PgCutoverError(
                f"{path}: the change ledger cannot be opened: {error}; if the file is damaged, "
                'move it away and run "pgcutover ledger run --anew"'
            ) from error
        found = self.counter("format")
        if found not in (0, FORMAT):
            raise PgCutoverError(
                f"{path}: expected format {FORMAT}, found {found}; move the file away and run "
                '"pgcutover ledger run --anew"'
            )
        self.set_counter("format", FORMAT)
        with self.transaction() as database:
            _set_id(database, "insert or ignore")

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit everything that the block writes, or nothing."""
        with self._mutex:
            self._database.execute("begin immediate")
            try:
                yield self._database
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")

    def fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._mutex:
            return self._database.execute(query, values).fetchall()

    def ledger_id(self) -> str:
        """Return the random id of these ledgers, which is new whenever a slot is new."""
        return str(self.fetch("select value from meta where name = 'id'")[0][0])

    def counter(self, name: str) -> float:
        """Return a number that the store counts; 0 before it was counted."""
        rows = self.fetch("select value from meta where name = ?", name)
        return rows[0][0] if rows else 0

    def set_counter(self, name: str, value: float) -> None:
        """Set a number."""
        with self.transaction() as database:
            database.execute("insert or replace into meta values (?, ?)", (name, value))

    def slot_state(self, label: Label) -> SlotState | None:
        """Return the slot whose changes are recorded; None before the first."""
        rows = self.fetch(
            "select slot, system_identifier, timeline, plugin, database, position, snapshot"
            " from side where side = ?",
            _SIDES[label],
        )
        return SlotState(*rows[0]) if rows else None

    def begin_side(self, label: Label, state: SlotState) -> None:
        """Start with a new slot: no comparison of before proves anything any more."""
        side = _SIDES[label]
        row = (side, state.slot, state.system_identifier, state.timeline, state.plugin)
        with self.transaction() as database:
            _forget(database, side)
            _set_id(database, "insert or replace")
            database.execute(
                "insert into side values (?, ?, ?, ?, ?, ?, ?, ?, null)",
                (*row, state.database, state.position, state.snapshot),
            )
            database.execute("insert into position values (?, ?)", (side, state.position))

    def forget_side(self, label: Label) -> None:
        """Forget a side's slot and changes, and all comparisons."""
        with self.transaction() as database:
            _forget(database, _SIDES[label])

    def positions(self, label: Label) -> set[int]:
        """Return every position that the slot may have been confirmed at."""
        rows = self.fetch("select lsn from position where side = ?", _SIDES[label])
        return {lsn for (lsn,) in rows}

    def position(self, label: Label) -> int:
        """Return the position up to which all changes are recorded; 0 before the first slot."""
        rows = self.fetch("select position from side where side = ?", _SIDES[label])
        return rows[0][0] if rows else 0

    def forget_positions(self, label: Label, before: int) -> None:
        """Forget positions that the slot's record on the server's disk is past."""
        with self.transaction() as database:
            database.execute(
                "delete from position where side = ? and lsn < ? and lsn <>"
                " (select position from side where side.side = position.side)",
                (_SIDES[label], before),
            )

    def record_changes(
        self,
        label: Label,
        changes: Sequence[Change],
        whole: Iterable[WholeTable] = (),
        position: int | None = None,
        aborted: Iterable[int] = (),
    ) -> None:
        """Record changed keys, and the position if all changes before it are recorded.

        Keys of `aborted` transactions are forgotten.
        """
        side, now = _SIDES[label], time.time()
        with self.transaction() as database:
            before = database.total_changes
            database.executemany(
                "insert or ignore into change values (?, ?, ?, ?, ?)",
                [(c.table, c.key, side, c.xid, now) for c in changes],
            )
            add_to_counter(database, "recorded", database.total_changes - before)
            database.executemany(
                "insert or ignore into whole values (?, ?, ?, ?)",
                [(w.table, side, w.xid, w.reason) for w in whole],
            )
            database.executemany(
                "delete from change where side = ? and xid = ?", [(side, x) for x in aborted]
            )
            if position is not None:
                database.execute("update side set position = ? where side = ?", (position, side))
                database.execute("insert or ignore into position values (?, ?)", (side, position))

    def fault(self, label: Label) -> str:
        """Return the reason why changes of this side may be missing; '' if none are."""
        rows = self.fetch("select fault from side where side = ?", _SIDES[label])
        return (rows[0][0] or "") if rows else ""

    def set_fault(self, label: Label, reason: str) -> None:
        """Record that changes of this side may be missing: the proof is UNKNOWN from now on."""
        with self.transaction() as database:
            database.execute(
                "update side set fault = coalesce(fault, ?) where side = ?",
                (reason, _SIDES[label]),
            )

    def set_altered(self, tables: Mapping[str, str]) -> None:
        """Record the tables whose definition has changed since their comparison."""
        with self.transaction() as database:
            database.executemany(
                "update compared set altered = ? where name = ?",
                [(reason, name) for name, reason in tables.items()],
            )

    def set_plan(self, tables: Mapping[str, str]) -> None:
        """Record the mapped tables, each with the reason why it is not followed, or ''."""
        with self.transaction() as database:
            database.execute(
                "insert or replace into meta values ('plan', ?)", (json.dumps(dict(tables)),)
            )

    def plan(self) -> dict[str, str]:
        """Return the tables as `set_plan` recorded them."""
        rows = self.fetch("select value from meta where name = 'plan'")
        return dict(json.loads(rows[0][0])) if rows else {}

    def set_note(self, note: str) -> None:
        """Record the last trouble and its time, for `status`."""
        dated = f"{datetime.now(UTC).isoformat(timespec='seconds')}: {note}"
        with self.transaction() as database:
            database.execute("insert or replace into meta values ('note', ?)", (dated,))

    def note(self) -> str:
        """Return the last trouble; '' if there was none."""
        rows = self.fetch("select value from meta where name = 'note'")
        return rows[0][0] if rows else ""

    def count(self, **numbers: float) -> None:
        """Add to counters."""
        with self.transaction() as database:
            for name, number in numbers.items():
                add_to_counter(database, name, number)


def _open_file(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def add_to_counter(database: sqlite3.Connection, name: str, number: float) -> None:
    """Add to a counter within a transaction."""
    database.execute(
        "insert into meta values (?, ?) on conflict (name) do update set value = value + ?",
        (name, number, number),
    )


def _set_id(database: sqlite3.Connection, verb: str) -> None:
    database.execute(f"{verb} into meta values ('id', ?)", (secrets.token_hex(16),))


def _forget(database: sqlite3.Connection, side: int) -> None:
    for table in ("side", "position", "change", "whole"):
        database.execute(f"delete from {table} where side = ?", (side,))  # noqa: S608
    for table in ("compared", "attempt"):
        database.execute(f"delete from {table}")  # noqa: S608
    database.execute("delete from change where side = ?", (SUSPECT,))
