"""Turns the messages of a slot into changed keys, in bounded memory."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring

from pgcutover.errors import UnreadableError
from pgcutover.ledger.model import Change, Key, WholeTable
from pgcutover.ledger.visibility import widen
from pgcutover.pgoutput.messages import (
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Insert,
    Origin,
    Relation,
    Row,
    Truncate,
    Type,
    Update,
)
from pgcutover.pgoutput.streaming import (
    AnyMessage,
    BeginPrepare,
    EndPrepared,
    LogicalMessage,
    Prepare,
    StreamAbort,
    StreamCommit,
    Streamed,
    StreamStart,
    StreamStop,
    decode_any,
)

_FULL = "f"


@dataclass(frozen=True, slots=True)
class _Columns:
    """The places of a table's key columns in its rows, and whether its WAL always holds them."""

    table: str
    places: tuple[int, ...]
    is_identified: bool


@dataclass(slots=True)
class Batch:
    """Changes that are not recorded yet; `position` if all changes before it are in it."""

    changes: dict[Change, None] = field(default_factory=dict)
    whole: dict[WholeTable, None] = field(default_factory=dict)
    aborted: list[int] = field(default_factory=list)
    position: int | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to record."""
        return not (self.changes or self.whole or self.aborted) and self.position is None


class ChangeReader:
    """Keeps the state of one slot's stream, and collects the keys that it names.

    A transaction's id is taken from Begin or Stream Start, which carry the top-level one. `locate`
    maps the oid of a table or partition to the followed table; None if none is followed.
    """

    def __init__(
        self,
        keys: Mapping[str, tuple[str, ...]],
        locate: Callable[[int], str | None],
        near_xid: int,
    ) -> None:
        """`keys` are the key columns of each followed table on this side."""
        self._keys, self._locate, self._near = keys, locate, near_xid
        self._relations: dict[int, _Columns | None] = {}
        self._xid: int | None = None
        self._in_stream = False
        self.batch = Batch()

    @property
    def is_between_transactions(self) -> bool:
        """Return whether no transaction has been read in part; streamed parts do not count."""
        return self._xid is None

    def take_batch(self) -> Batch:
        """Return the collected changes, and start a new batch."""
        batch, self.batch = self.batch, Batch()
        return batch

    def read(self, data: bytes) -> None:
        """Collect what one message changes; UnreadableError if it is not understood."""
        self._take(decode_any(data, in_stream=self._in_stream))

    def _take(self, message: AnyMessage) -> None:
        if isinstance(message, Streamed):
            self._take(message.message)
        elif isinstance(message, Insert | Update | Delete):
            self._take_row(message)
        elif isinstance(message, Truncate):
            self._take_truncate(message)
        elif isinstance(message, Relation):
            self._relations[message.oid] = self._columns(message)
        elif isinstance(message, Type | Origin | LogicalMessage):
            pass  # neither names a row
        else:
            self._take_control(message)

    def _take_control(
        self,
        message: "Begin | Commit | StreamStart | StreamStop | StreamCommit | StreamAbort"
        " | BeginPrepare | Prepare | EndPrepared",
    ) -> None:
        if isinstance(message, Begin | BeginPrepare):
            self._xid = self._widen(message.xid)
        elif isinstance(message, StreamStart):
            self._xid, self._in_stream = self._widen(message.xid), True
        elif isinstance(message, StreamStop):
            self._xid, self._in_stream = None, False
        elif isinstance(message, StreamAbort):
            if message.xid == message.subtransaction:
                self._abort(self._widen(message.xid))
        else:
            self._xid = None
            self.batch.position = message.end_lsn

    def _abort(self, xid: int) -> None:
        self.batch.changes = {c: None for c in self.batch.changes if c.xid != xid}
        self.batch.aborted.append(xid)

    def _widen(self, xid: int) -> int:
        wide = widen(xid, self._near)
        self._near = max(self._near, wide)
        return wide

    def _take_row(self, message: Insert | Update | Delete) -> None:
        columns = self._relation(message.relation_oid)
        if columns is None:
            return
        rows: list[Row] = []
        old: Row | None = None if isinstance(message, Insert) else message.old
        if not isinstance(message, Delete):
            rows.append(message.new)
        if old is not None:
            rows.append(old)
        if not (isinstance(message, Insert) or columns.is_identified):
            self._take_whole(columns.table, "its replica identity lacks the key")
            return
        for row in rows:
            self._take_key(columns, row, old)

    def _take_key(self, columns: _Columns, row: Row, old: Row | None) -> None:
        values = []
        for place in columns.places:
            value = row[place]
            if value is UNCHANGED and old is not None:
                value = old[place]  # a large value that the update left as it was
            if value is None or value is UNCHANGED:
                self._take_whole(columns.table, "the WAL lacks the key of a changed row")
                return
            values.append(value)
        self.batch.changes[Change(columns.table, key_text(values), self._top_xid())] = None

    def _take_truncate(self, message: Truncate) -> None:
        for oid in message.relation_oids:
            if (columns := self._relation(oid)) is not None:
                self._take_whole(columns.table, "it was truncated")

    def _take_whole(self, table: str, reason: str) -> None:
        self.batch.whole[WholeTable(table, self._top_xid(), reason)] = None

    def _top_xid(self) -> int:
        if self._xid is None:
            raise UnreadableError("found a change outside of a transaction in the slot's stream")
        return self._xid

    def _relation(self, oid: int) -> _Columns | None:
        if oid not in self._relations:
            raise UnreadableError(f"found a change of relation {oid} before its description")
        return self._relations[oid]

    def _columns(self, relation: Relation) -> _Columns | None:
        table = self._locate(relation.oid)
        if table is None:
            return None
        names = [column.name for column in relation.columns]
        identity = {c.name for c in relation.columns if c.key}
        wanted = self._keys[table]
        if not set(wanted) <= {*names}:
            self._take_whole(table, "a column of its key was renamed or dropped")
            return None
        is_identified = relation.replica_identity == _FULL or {*wanted} <= identity
        return _Columns(table, tuple(names.index(name) for name in wanted), is_identified)


def key_text(values: Sequence[str]) -> Key:
    """Return the key as the ledger writes it."""
    return f"[{','.join(map(encode_basestring, values))}]"


def key_values(key: Key) -> tuple[str, ...]:
    """Return the values of a key's columns, as text."""
    return tuple(json.loads(key))
