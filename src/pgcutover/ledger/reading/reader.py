"""Reads one side's slot into the store: keys first, then the slot's confirmation."""

import time
from collections.abc import Callable, Mapping

import psycopg

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import PgCutoverError, ServerError, UnreadableError
from pgcutover.ledger.model import Label
from pgcutover.ledger.reading.changes import Batch, ChangeReader
from pgcutover.ledger.reading.slot import (
    Server,
    SlotFacts,
    describe_identity_fault,
    read_server,
    read_slot,
)
from pgcutover.ledger.reading.stream import Keepalive, SlotStream, WalData
from pgcutover.ledger.reading.watch import Watch
from pgcutover.ledger.store import Store
from pgcutover.ledger.tables import read_members
from pgcutover.ledger.visibility import Snapshot
from pgcutover.mapping import RelationName
from pgcutover.pgoutput.messages import format_lsn, parse_lsn

BATCH_CHANGES = 20_000
_BATCH_SECONDS = 0.5
_CONFIRM_SECONDS = 5.0
_PAGE_BYTES = 8192
_HEADER_BYTES = (24, 40)  # of a page of WAL, and of the first page of a file
_PATIENCE_SECONDS = 2.0  # for the server to end a connection that was lost


class SlotReader:
    """One side's slot; its methods are called from one thread at a time.

    `roots` maps the side's names of the followed tables to their names in the ledger.
    """

    def __init__(
        self,
        label: Label,
        dsn: str,
        store: Store,
        roots: Mapping[RelationName, str],
        keys: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Connect to nothing yet."""
        self._label, self._dsn, self._store = label, dsn, store
        self._watch = Watch(label, dsn)
        self._roots, self._keys = roots, keys
        self._tables: dict[int, str] = {}
        self._stream: SlotStream | None = None
        self._changes = ChangeReader(keys, self._locate, 0)
        self._confirmed_at = 0.0
        self._recorded_at = 0.0
        self._position = store.position(label)
        self.before_record: Callable[[], None] = lambda: None

    @property
    def position(self) -> int:
        """Return the position up to which all changes are recorded."""
        return self._position

    def verify(self) -> None:
        """Raise UnreadableError, and record the fault, if the slot may not hold all changes."""
        if fault := self._store.fault(self._label):
            raise UnreadableError(fault)
        state = self._store.slot_state(self._label)
        if state is None:
            raise UnreadableError(f"{self._label}: the ledger has no slot yet; run it first")
        with self._watch.look() as connection:
            server, found = self._unread_slot(connection, state.slot)
            positions = self._store.positions(self._label)
        fault = describe_identity_fault(self._label, state, positions, server, found)
        if fault:
            self._store.set_fault(self._label, fault)
            raise UnreadableError(fault)
        if found is not None:
            self._store.forget_positions(self._label, found.restart)
        self._position = state.position
        near = Snapshot.parse(server.snapshot).xmax
        self._changes = ChangeReader(self._keys, self._locate, near)

    def read(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> int:
        """Record what the slot sends until it is silent for so long; return the changes recorded.

        A slot whose clients write without a pause is never silent: it is read until `stop` is true.
        A lost connection is opened again, after another check of the slot's identity.
        """
        try:
            return self._read(seconds, stop)
        except psycopg.Error as error:
            self.close()
            raise ServerError(f"{self._label}: {describe_error(error)}") from error

    def read_to(self, lsn: int, deadline: float) -> None:
        """Record everything up to a position, by a monotonic deadline; UnreadableError after it."""
        try:
            while self.position < lsn:
                if time.monotonic() > deadline:
                    raise UnreadableError(
                        f"{self._label}: expected all changes up to {format_lsn(lsn)} in the "
                        f"ledger, found {format_lsn(self.position)}; a transaction is large, or "
                        "the server has not flushed its WAL"
                    )
                self._open().confirm(self.position, wants_reply=True)
                self._read(0.02, lambda: self._has_read(lsn) or time.monotonic() > deadline)
        except psycopg.Error as error:
            self.close()
            raise ServerError(f"{self._label}: {describe_error(error)}") from error

    def end_of_wal(self) -> int:
        """Return the end of the last record, and have the server flush it, so that it can be sent.

        With synchronous_commit = off a commit is visible before it is flushed. On a server without
        writers nothing flushes the last page, such as a record that a mere read has written there.
        """
        with self._watch.look() as connection:
            row = connection.execute("select pg_current_wal_insert_lsn()::text").fetchone()
            connection.execute("set local synchronous_commit to local")
            connection.execute("select pg_logical_emit_message(true, 'pgcutover', 'flush')")
            connection.commit()
        lsn = parse_lsn(row[0]) if row else 0
        # the next record begins behind a page's header, where no record ends
        into_page = lsn % _PAGE_BYTES
        return lsn - into_page if into_page in _HEADER_BYTES else lsn

    def close(self) -> None:
        """Close the connections; what is not recorded will be sent again."""
        self._watch.close()
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._changes.take_batch()

    def _open(self) -> SlotStream:
        if self._stream is None:
            self.verify()
            state = self._store.slot_state(self._label)
            if state is not None:
                self._stream = SlotStream(self._dsn, state.slot, state.position)
        if self._stream is None:
            raise UnreadableError(f"{self._label}: the ledger has no slot yet; run it first")
        return self._stream

    def _read(self, seconds: float, is_done: Callable[[], bool]) -> int:
        stream, recorded = self._open(), 0
        for message in stream.messages(seconds):
            if isinstance(message, WalData):
                self._decode(message.data)
            else:
                self._note_keepalive(message)
            if self._is_due(isinstance(message, Keepalive) and message.wants_reply):
                recorded += self._record(stream)
            if is_done():
                break
        return recorded + self._record(stream)

    def _has_read(self, lsn: int) -> bool:
        return max(self._changes.batch.position or 0, self.position) >= lsn

    def _decode(self, data: bytes) -> None:
        try:
            self._changes.read(data)
        except PgCutoverError as error:
            fault = f"{self._label}: a message of the slot is not understood: {error}"
            self._store.set_fault(self._label, fault)
            raise UnreadableError(fault) from error

    def _note_keepalive(self, message: Keepalive) -> None:
        """Everything before the keepalive's position has been sent, and is in the batch."""
        if self._changes.is_between_transactions:
            known = self._changes.batch.position or self.position
            if message.wal_end > known:
                self._changes.batch.position = message.wal_end

    def _is_due(self, wants_reply: bool) -> bool:
        batch = self._changes.batch
        is_old = time.monotonic() - self._recorded_at > _BATCH_SECONDS
        return wants_reply or len(batch.changes) >= BATCH_CHANGES or is_old

    def _record(self, stream: SlotStream) -> int:
        """Commit the batch to the store, and only then confirm its position."""
        batch = self._changes.take_batch()
        self._recorded_at = time.monotonic()
        if not batch.is_empty:
            self.before_record()
            self._commit(batch)
        if batch.position is not None or self._recorded_at - self._confirmed_at > _CONFIRM_SECONDS:
            stream.confirm(self.position)
            self._confirmed_at = self._recorded_at
        return len(batch.changes)

    def _commit(self, batch: Batch) -> None:
        self._store.record_changes(
            self._label, [*batch.changes], batch.whole, batch.position, batch.aborted
        )
        self._position = max(self._position, batch.position or 0)

    def _unread_slot(self, connection: Connection, slot: str) -> tuple[Server, SlotFacts | None]:
        """Return server and slot once nobody reads the slot: its position is final then."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            server, found = read_server(connection, self._label), read_slot(connection, slot)
            connection.rollback()
            if found is None or found.active_pid is None:
                return server, found
            if time.monotonic() > until:
                raise ServerError(
                    f"{self._label}: slot {slot} is being read by the server process "
                    f'{found.active_pid}; expected no other reader; stop the other "pgcutover '
                    'ledger run"'
                )
            time.sleep(0.01)

    def _locate(self, oid: int) -> str | None:
        """Return the followed table of a relation; a partition that is new is looked up."""
        if oid not in self._tables:
            with self._watch.look() as connection:
                self._learn_tables(connection)
        return self._tables.get(oid)

    def _learn_tables(self, connection: Connection) -> None:
        for member in read_members(connection, [*self._roots]):
            self._tables[member.oid] = self._roots[member.root]
