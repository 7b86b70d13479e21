"""The relay as a service, and replays, which put keys into the outbox again."""

import time
from collections.abc import Callable
from threading import Event

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import PgCutoverError, ServerError
from pgcutover.outbox.model import BARRIER, SourceTable
from pgcutover.outbox.relay import Relay
from pgcutover.outbox.source import NewTableError

_LONGEST_PAUSE_SECONDS = 5.0
_REPORT_SECONDS = 10.0
# an id must not be drawn before the transaction has an xid: see floor.py
_XID = "select txid_current()"
_REPLAY = """insert into pgcutover.outbox (bucket, relation, key)
select {bucket}, {number}, k from (select array[{key}] from {table} t) x (k)"""
_TRUNCATED = "insert into pgcutover.outbox (bucket, relation) values ({}, {})"
_FROM_PARKED = """insert into pgcutover.outbox (bucket, relation, key)
select {bucket}, {number}, k from (
    select key from pgcutover.outbox_parked
     where relation = {number} and cardinality(key) > 0) x (k)
"""
_EXPIRE = """
with expired as (
    delete from pgcutover.outbox_parked where at < now() - make_interval(secs => %s)
      and key <> '{}' returning relation, xid)
insert into pgcutover.outbox_parked (relation, key, xid, reason)
select relation, '{}', max(xid),
       'parked keys have expired: replay the whole table' from expired group by relation
on conflict (relation, key) do nothing
"""


def run_relay(
    opened: Callable[[], Relay], stop: Event, poll_seconds: float, say: Callable[[str], None]
) -> None:
    """Relay until `stop` is set; a lost connection or a locked row is tried again.

    PgCutoverError or psycopg.Error for what does not pass by itself.
    """
    pause = 0.0
    while not stop.is_set():
        try:
            relay = opened()
        except (psycopg.Error, PgCutoverError) as error:
            pause = _pause_or_raise(error, pause, stop, say)
            continue
        try:
            pause = 0.0
            _relay_until(relay, stop, poll_seconds, say)
        except NewTableError:
            say("a table was captured: reading the catalogs again")
        except psycopg.Error as error:
            pause = _pause_or_raise(error, pause, stop, say)
        finally:
            relay.close()


def drain(relay: Relay, deadline: float) -> bool:
    """Relay until the outbox is empty; False after a deadline of time.monotonic()."""
    while relay.source.pending():
        relay.run_once()
        if time.monotonic() > deadline:
            return False
    return True


def replay_table(connection: Connection, table: SourceTable) -> None:
    """Put every key of a table into the outbox, and one entry for the rows that it lacks."""
    key = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier("t", c.name)) for c in table.key
    )
    with connection.transaction():
        connection.execute(_XID.encode())
        connection.execute(sql.SQL(_TRUNCATED).format(BARRIER, table.number))
        connection.execute(
            sql.SQL(_REPLAY).format(
                bucket=table.bucket, number=table.number, key=key, table=table.identifier
            )
        )
        # an expired key is nowhere any more, and the whole table is written now
        connection.execute(
            sql.SQL("delete from pgcutover.outbox_parked where relation = {} and key = '{{}}'")
            .format(table.number)
        )  # fmt: skip


def replay_parked(connection: Connection, table: SourceTable) -> None:
    """Put the parked keys of a table into the outbox; they stay parked until they are written."""
    with connection.transaction():
        connection.execute(_XID.encode())
        connection.execute(sql.SQL(_FROM_PARKED).format(bucket=table.bucket, number=table.number))


def expire_parked(connection: Connection, days: float) -> None:
    """Delete old parked keys; the table keeps an entry without a key, so that the gate fails."""
    with connection.transaction():
        connection.execute(_EXPIRE.encode(), [days * 86_400])


def _relay_until(
    relay: Relay, stop: Event, poll_seconds: float, say: Callable[[str], None]
) -> None:
    done, next_report = 0, time.monotonic() + _REPORT_SECONDS
    while not stop.is_set():
        found = relay.run_once()
        done += found
        if not found:
            stop.wait(poll_seconds)
        if time.monotonic() > next_report:
            say(f"{done} entries written in the last {_REPORT_SECONDS:g} s")
            done, next_report = 0, time.monotonic() + _REPORT_SECONDS


def _pause_or_raise(
    error: Exception, pause: float, stop: Event, say: Callable[[str], None]
) -> float:
    """Wait after an error that may pass, longer each time; raise any other."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.OperationalError):
        if isinstance(error, PgCutoverError):
            raise error
        raise ServerError(f"the relay ends: {describe_error(error)}") from error
    pause = min(_LONGEST_PAUSE_SECONDS, pause * 2 or 0.1)
    say(f"waiting {pause:g} s: {describe_error(cause)}")
    stop.wait(pause)
    return pause
