"""Decoder of pgoutput, protocol version 1: the changes of a logical slot as Python values.

PostgreSQL documentation, 55.9 "Logical Replication Message Formats". Versions 2 to 4 (streaming,
two-phase) add messages that a slot read with proto_version 1 never sends; `pgoutput_streaming`
decodes them. An unknown message is an error, because a skipped change is a lost change.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, TypeVar

from pgcutover.errors import UnreadableError

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Unchanged(Enum):
    """A TOASTed value that an UPDATE did not change, so the WAL does not contain it."""

    TOAST = "unchanged"


UNCHANGED: Final = Unchanged.TOAST
Value = str | None | Unchanged
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of a transaction; its commit record starts at `final_lsn`."""

    final_lsn: int
    committed_at: datetime
    xid: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The end of a transaction; a slot advanced to `end_lsn` does not send it again."""

    commit_lsn: int
    end_lsn: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """The transaction was replicated from another server."""

    commit_lsn: int
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column at that point of the WAL; `key` if it is part of the replica identity."""

    name: str
    key: bool
    type_oid: int
    type_modifier: int


@dataclass(frozen=True, slots=True)
class Relation:
    """The columns of a table; sent before its first row and after each DDL statement."""

    oid: int
    schema: str
    name: str
    replica_identity: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """A type that is not built in."""

    oid: int
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Insert:
    """An inserted row."""

    relation_oid: int
    new: Row


@dataclass(frozen=True, slots=True)
class Update:
    """An updated row; `old` is its former key (`old_is_key`), its former row, or None.

    Under the default replica identity `old` is sent only if the key changed.
    """

    relation_oid: int
    old: Row | None
    old_is_key: bool
    new: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """A deleted row; if `old_is_key`, `old` holds None outside the key."""

    relation_oid: int
    old: Row
    old_is_key: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tables truncated together."""

    relation_oids: tuple[int, ...]
    cascade: bool
    restart_identity: bool


Message = Begin | Commit | Origin | Relation | Type | Insert | Update | Delete | Truncate
M = TypeVar("M")


def decode(data: bytes) -> Message:
    """Decode one message; UnreadableError if the bytes are not exactly one message."""
    return decode_with(
        DECODERS,
        data,
        "protocol version 1; read the slot with proto_version 1 and without messages",
    )


def decode_with(decoders: Mapping[str, Callable[["Reader"], M]], data: bytes, expected: str) -> M:
    """Decode one message of the kinds in `decoders`; UnreadableError for any other bytes."""
    reader = Reader(data)
    try:
        decoder = decoders.get(reader.byte())
        if decoder is None:
            raise UnreadableError(
                f"found a pgoutput message of kind {data[:1]!r}, expected one of {expected}"
            )
        message = decoder(reader)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise UnreadableError(f"a pgoutput message of kind {data[:1]!r} is malformed") from error
    if not reader.at_end():
        raise UnreadableError(f"a pgoutput message of kind {data[:1]!r} has bytes left over")
    return message


def parse_lsn(text: str) -> int:
    """Parse a position such as `16/B374D848`."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(lsn: int) -> str:
    """Return a position as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


class Reader:
    """Reads the fields of a message; numbers are unsigned unless named otherwise."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        """Start before the first byte."""
        self._data = data
        self._at = 0

    def at_end(self) -> bool:
        """Return whether all bytes are read."""
        return self._at == len(self._data)

    def byte(self) -> str:
        """Read a byte as a character."""
        self._at += 1
        return chr(self._data[self._at - 1])

    def int8(self) -> int:
        """Read one byte."""
        self._at += 1
        return self._data[self._at - 1]

    def int16(self) -> int:
        """Read two bytes."""
        return self._number("!H", 2)

    def int32(self) -> int:
        """Read four bytes."""
        return self._number("!I", 4)

    def signed32(self) -> int:
        """Read four bytes with a sign."""
        return self._number("!i", 4)

    def int64(self) -> int:
        """Read eight bytes."""
        return self._number("!Q", 8)

    def _number(self, form: str, size: int) -> int:
        (number,) = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return int(number)

    def moment(self) -> datetime:
        """Read microseconds since 2000."""
        return _EPOCH + timedelta(microseconds=self._number("!q", 8))

    def string(self) -> str:
        """Read a text that ends with a zero byte."""
        end = self._data.index(0, self._at)
        text = self._data[self._at : end].decode()
        self._at = end + 1
        return text

    def text(self) -> str:
        """Read a text that begins with its length."""
        return self.content().decode()

    def content(self) -> bytes:
        """Read bytes that begin with their length."""
        size = self.int32()
        end = self._at + size
        if end > len(self._data):
            raise ValueError(size)
        found = self._data[self._at : end]
        self._at = end
        return found

    def row(self) -> Row:
        """Read the columns of a row."""
        return tuple([self._value() for _ in range(self.int16())])

    def _value(self) -> Value:
        kind = self.byte()
        if kind == "t":
            return self.text()
        if kind == "n":
            return None
        if kind == "u":
            return UNCHANGED
        raise UnreadableError(
            f"expected a column as text, found kind {kind!r}; read the slot without binary"
        )


def _begin(reader: Reader) -> Begin:
    return Begin(reader.int64(), reader.moment(), reader.int32())


def _commit(reader: Reader) -> Commit:
    reader.int8()  # flags, unused in version 1
    return Commit(reader.int64(), reader.int64(), reader.moment())


def _origin(reader: Reader) -> Origin:
    return Origin(reader.int64(), reader.string())


def _relation(reader: Reader) -> Relation:
    oid, schema, name = reader.int32(), reader.string(), reader.string()
    identity, count = reader.byte(), reader.int16()
    columns = tuple([_column(reader) for _ in range(count)])
    return Relation(oid, schema or "pg_catalog", name, identity, columns)


def _column(reader: Reader) -> Column:
    key = bool(reader.int8() & 1)
    return Column(reader.string(), key, reader.int32(), reader.signed32())


def _type(reader: Reader) -> Type:
    return Type(reader.int32(), reader.string() or "pg_catalog", reader.string())


def _insert(reader: Reader) -> Insert:
    oid = reader.int32()
    _expect(reader, "N")
    return Insert(oid, reader.row())


def _update(reader: Reader) -> Update:
    oid, kind = reader.int32(), reader.byte()
    old = None
    if kind in ("K", "O"):
        old = reader.row()
        _expect(reader, "N")
    elif kind != "N":
        raise UnreadableError(f"expected a row of an update, found kind {kind!r}")
    return Update(oid, old, kind == "K", reader.row())


def _delete(reader: Reader) -> Delete:
    oid, kind = reader.int32(), reader.byte()
    if kind not in ("K", "O"):
        raise UnreadableError(f"expected the key or row of a delete, found kind {kind!r}")
    return Delete(oid, reader.row(), kind == "K")


def _truncate(reader: Reader) -> Truncate:
    count, options = reader.int32(), reader.int8()
    oids = tuple([reader.int32() for _ in range(count)])
    return Truncate(oids, bool(options & 1), bool(options & 2))


def _expect(reader: Reader, kind: str) -> None:
    found = reader.byte()
    if found != kind:
        raise UnreadableError(f"expected part {kind!r} of a pgoutput message, found {found!r}")


DECODERS: Final[Mapping[str, Callable[[Reader], Message]]] = {
    "B": _begin,
    "C": _commit,
    "O": _origin,
    "R": _relation,
    "Y": _type,
    "I": _insert,
    "U": _update,
    "D": _delete,
    "T": _truncate,
}
