"""Decoder of pgoutput, protocol versions 1 to 4: streamed and two-phase transactions too.

PostgreSQL documentation, 55.9 "Logical Replication Message Formats". Between Stream Start and
Stream Stop each message begins with the id of the subtransaction that wrote the row; only
Stream Start, Stream Commit and Begin carry the top-level one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pgcutover.pgoutput.messages import DECODERS, Message, Reader, decode_with

_VERSIONS: Final = "protocol versions 1 to 4"
_IN_STREAM: Final = "RYIUDTMO"


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Changes of a transaction that has not ended follow, until StreamStop; `xid` is top-level."""

    xid: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class StreamStop:
    """The end of a part of a streamed transaction."""


@dataclass(frozen=True, slots=True)
class StreamCommit:
    """The commit of a streamed transaction."""

    xid: int
    end_lsn: int


@dataclass(frozen=True, slots=True)
class StreamAbort:
    """A streamed transaction was rolled back, or a subtransaction of it."""

    xid: int
    subtransaction: int


@dataclass(frozen=True, slots=True)
class BeginPrepare:
    """The start of a prepared transaction."""

    xid: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """The end of a prepared transaction, streamed or not; it is neither committed nor aborted."""

    xid: int
    end_lsn: int


@dataclass(frozen=True, slots=True)
class EndPrepared:
    """COMMIT PREPARED or ROLLBACK PREPARED of a transaction that was sent before."""

    xid: int
    end_lsn: int
    is_commit: bool


@dataclass(frozen=True, slots=True)
class LogicalMessage:
    """A message of pg_logical_emit_message; it changes no row."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Streamed:
    """A message of a streamed transaction, with the id of the subtransaction that wrote it."""

    xid: int
    message: "Message | LogicalMessage"


AnyMessage = (
    Message
    | StreamStart
    | StreamStop
    | StreamCommit
    | StreamAbort
    | BeginPrepare
    | Prepare
    | EndPrepared
    | LogicalMessage
    | Streamed
)


def decode_any(data: bytes, *, in_stream: bool) -> AnyMessage:
    """Decode one message; `in_stream` between Stream Start and Stream Stop.

    UnreadableError if the bytes are not exactly one message of the versions 1 to 4.
    """
    return decode_with(_STREAMED if in_stream else _ALL, data, _VERSIONS)


def _stream_start(reader: Reader) -> StreamStart:
    return StreamStart(reader.int32(), bool(reader.int8()))


def _stream_stop(_: Reader) -> StreamStop:
    return StreamStop()


def _stream_commit(reader: Reader) -> StreamCommit:
    xid, _, _, end_lsn = reader.int32(), reader.int8(), reader.int64(), reader.int64()
    reader.moment()
    return StreamCommit(xid, end_lsn)


def _stream_abort(reader: Reader) -> StreamAbort:
    found = StreamAbort(reader.int32(), reader.int32())
    if not reader.at_end():  # version 4 with streaming 'parallel' adds position and time
        reader.int64()
        reader.moment()
    return found


def _begin_prepare(reader: Reader) -> BeginPrepare:
    reader.int64()
    reader.int64()
    reader.moment()
    found = BeginPrepare(reader.int32())
    reader.string()
    return found


def _prepare(reader: Reader) -> Prepare:
    _, _, end_lsn = reader.int8(), reader.int64(), reader.int64()
    reader.moment()
    found = Prepare(reader.int32(), end_lsn)
    reader.string()
    return found


def _commit_prepared(reader: Reader) -> EndPrepared:
    found = _prepare(reader)
    return EndPrepared(found.xid, found.end_lsn, True)


def _rollback_prepared(reader: Reader) -> EndPrepared:
    _, _, end_lsn = reader.int8(), reader.int64(), reader.int64()
    reader.moment()
    reader.moment()
    found = EndPrepared(reader.int32(), end_lsn, False)
    reader.string()
    return found


def _message(reader: Reader) -> LogicalMessage:
    reader.int8()
    reader.int64()
    found = LogicalMessage(reader.string())
    reader.content()
    return found


def _within_stream(
    decoder: Callable[[Reader], Message | LogicalMessage],
) -> Callable[[Reader], AnyMessage]:
    return lambda reader: Streamed(reader.int32(), decoder(reader))


_PLAIN: Final[Mapping[str, Callable[[Reader], Message | LogicalMessage]]] = {
    **DECODERS,
    "M": _message,
}
_CONTROL: Final[Mapping[str, Callable[[Reader], AnyMessage]]] = {
    "S": _stream_start,
    "E": _stream_stop,
    "c": _stream_commit,
    "A": _stream_abort,
    "b": _begin_prepare,
    "P": _prepare,
    "p": _prepare,
    "K": _commit_prepared,
    "r": _rollback_prepared,
}
_ALL: Final[Mapping[str, Callable[[Reader], AnyMessage]]] = {**_PLAIN, **_CONTROL}
_STREAMED: Final[Mapping[str, Callable[[Reader], AnyMessage]]] = {
    **{kind: _within_stream(_PLAIN[kind]) for kind in _IN_STREAM if kind != "O"},
    "O": DECODERS["O"],  # carries no transaction id
    "E": _stream_stop,
}
