"""Reads a slot over the replication protocol, and confirms only what the caller has recorded.

PostgreSQL 17, 53.4 "Streaming Replication Protocol". libpq reads one message at a time, so memory
stays bounded however large a transaction is; the server waits while its socket is full.
"""

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from select import select
from typing import Final

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from pgcutover.connect import PINNED
from pgcutover.errors import ServerError
from pgcutover.pgoutput.messages import format_lsn
from pgcutover.text.redact import without_passwords

_EPOCH: Final = 946_684_800  # seconds from 1970 to 2000
_STREAMING_SINCE: Final = 140000
_WAL, _KEEPALIVE = b"w", b"k"
_WAL_HEADER, _KEEPALIVE_HEADER = struct.Struct("!QQq"), struct.Struct("!QqB")
_COPY_DONE = -1


@dataclass(frozen=True, slots=True)
class WalData:
    """A message of the output plugin."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The server has decoded everything before `wal_end`, and sent what there was."""

    wal_end: int
    wants_reply: bool


class SlotStream:
    """An open replication connection that streams a slot."""

    def __init__(self, dsn: str, slot: str, start: int) -> None:
        """Start streaming after `start`; psycopg.Error or ServerError where that is refused."""
        options = " ".join(f"-c {name}={_escape(value)}" for name, value in PINNED.items())
        self._connection = psycopg.connect(
            dsn,
            replication="database",
            autocommit=True,
            options=options,
            application_name="pgcutover",
        )
        self._pgconn = self._connection.pgconn
        try:
            self._start(slot, start)
        except BaseException:
            self.close()
            raise

    def _start(self, slot: str, start: int) -> None:
        is_streaming = self._connection.info.server_version >= _STREAMING_SINCE
        settings = "proto_version '2', streaming 'on'" if is_streaming else "proto_version '1'"
        statement = sql.SQL(
            f"START_REPLICATION SLOT {{}} LOGICAL {format_lsn(start)} ({settings},"
            " publication_names {})"
        ).format(sql.Identifier(slot), sql.Literal(f'"{slot}"'))
        result = self._pgconn.exec_(statement.as_bytes(self._connection))
        if result.status != ExecStatus.COPY_BOTH:
            words = without_passwords(result.get_error_message()).strip()
            raise ServerError(f"slot {slot} cannot be read: {words}")

    def messages(self, timeout_seconds: float) -> Iterator[WalData | Keepalive]:
        """Yield what arrives until nothing has arrived for this time; psycopg.Error if it ends."""
        while True:
            size, data = self._next()
            if size > 0:
                yield from _parse(bytes(data))
            elif size < 0:
                raise psycopg.OperationalError(self._describe_end(size))
            elif not self._wait(timeout_seconds):
                return

    def _next(self) -> tuple[int, memoryview | bytes]:
        """Return the next message; under TLS each is a record of its own, to be read first."""
        size, data = self._pgconn.get_copy_data(1)
        if size == 0:
            self._pgconn.consume_input()
            size, data = self._pgconn.get_copy_data(1)
        return size, data

    def confirm(self, position: int, *, wants_reply: bool = False) -> None:
        """Tell the server that everything before `position` is recorded and may be forgotten."""
        now = int((time.time() - _EPOCH) * 1_000_000)
        status = struct.pack("!cQQQqB", b"r", position, position, position, now, wants_reply)
        self._pgconn.put_copy_data(status)
        self._pgconn.flush()

    def close(self) -> None:
        """Close the connection; the slot keeps its position."""
        self._connection.close()

    def _wait(self, seconds: float) -> bool:
        return bool(select([self._pgconn.socket], [], [], seconds)[0])

    def _describe_end(self, size: int) -> str:
        if size == _COPY_DONE:
            return "the server ended the replication stream"
        return without_passwords(self._pgconn.error_message.decode(errors="replace")).strip()


def _parse(data: bytes) -> Iterator[WalData | Keepalive]:
    if data[:1] == _WAL:
        yield WalData(data[1 + _WAL_HEADER.size :])
    elif data[:1] == _KEEPALIVE:
        wal_end, _, wants_reply = _KEEPALIVE_HEADER.unpack(data[1:])
        yield Keepalive(wal_end, bool(wants_reply))
    else:
        raise ServerError(f"expected a replication message, found kind {data[:1]!r}")


def _escape(value: str) -> str:
    """Return a setting as the connection option `options` reads it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
