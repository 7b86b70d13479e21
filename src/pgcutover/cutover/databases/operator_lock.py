"""An advisory lock on both databases: one operator at a time, on any machine."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psycopg

from pgcutover.connect import Connection, open_owner
from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error

_TAKE = "select pg_try_advisory_lock(%s)"
_HELD = "select 1"
_HOLDER = """
select pid from pg_locks
where locktype = 'advisory' and granted and pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())
  and (classid::bigint << 32) | objid::bigint = %s::bigint and objsubid = 1
"""


@dataclass(slots=True)
class OperatorLock:
    """The locks of this process; a session of its own on each side holds them."""

    key: int
    dsns: Mapping[Side, str]
    sessions: dict[Side, Connection]

    def verify(self) -> None:
        """Raise RefusedError unless both locks are held; a lost session is replaced."""
        for side in Side:
            try:
                self.sessions[side].execute(_HELD)
            except psycopg.Error:
                self.sessions[side].close()
                self.sessions[side] = _take(side, self.dsns[side], self.key)

    def close(self) -> None:
        """Let go of both locks."""
        for session in self.sessions.values():
            session.close()


@contextmanager
def operator_lock(migration: str, dsns: Mapping[Side, str]) -> Iterator[OperatorLock]:
    """Hold the lock during the block; RefusedError while another operator does."""
    digest = hashlib.sha256(f"pgcutover cutover {migration}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with ExitStack() as stack:
        lock = OperatorLock(key, dsns, {})
        stack.enter_context(closing(lock))
        for side in Side:
            lock.sessions[side] = _take(side, dsns[side], key)
        yield lock


def _take(side: Side, dsn: str, key: int) -> Connection:
    try:
        session = open_owner(dsn)
    except psycopg.Error as error:
        raise RefusedError(f"{side}: cannot connect: {describe_error(error)}") from error
    try:
        _lock(session, side, key)
    except BaseException:
        session.close()
        raise
    return session


def _lock(session: Connection, side: Side, key: int) -> None:
    row = session.execute(_TAKE, [key]).fetchone()
    if row is not None and row[0]:
        return
    holder = session.execute(_HOLDER, [key]).fetchone()
    raise RefusedError(
        f"{side}: another operator is cutting over this migration (backend "
        f"{holder[0] if holder else 'unknown'}); wait until that command has ended"
    )
