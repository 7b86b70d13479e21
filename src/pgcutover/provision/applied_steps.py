"""The journal of applied provisioning steps, a table in schema `pgcutover` of the target.

A step and its entry are committed in one transaction, so the journal always matches the database.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ProvisionError
from pgcutover.provision.execute import one_transaction


@dataclass(frozen=True, slots=True)
class Applied:
    """An applied step, identified by phase and script; sha256 is of its text, if it has one."""

    phase: str
    script: str
    sha256: str
    applied_at: datetime
    duration_seconds: float
    xid: int
    applied_by: str

    @property
    def name(self) -> str:
        """Return `phase/script`, as messages show it."""
        return f"{self.phase}/{self.script}"


_TABLE = """
create table if not exists pgcutover.journal (
    phase text not null,
    script text not null,
    sha256 text not null,
    applied_at timestamp with time zone not null default clock_timestamp(),
    duration_seconds double precision not null,
    xid bigint not null default pg_current_xact_id()::text::bigint,
    applied_by text not null default session_user,
    primary key (phase, script)
)
"""
_COLUMNS = "phase, script, sha256, applied_at, duration_seconds, xid, applied_by"
# an arbitrary number, the same for every run against one database
_LOCK = 7_204_611_335_170_042


def journal(conn: Connection) -> list[Applied]:
    """Return every applied step in the order of application; none if there is no journal yet."""
    found = conn.execute("select to_regclass('pgcutover.journal')").fetchone()
    if not found or found[0] is None:
        return []
    query = f"select {_COLUMNS} from pgcutover.journal order by applied_at, phase, script"  # noqa: S608 - a constant
    with conn.cursor(row_factory=class_row(Applied)) as cursor:
        return cursor.execute(query.encode()).fetchall()


def entry(conn: Connection, phase: str, script: str) -> Applied | None:
    """Return the journal's entry of one step; None if it is not applied."""
    return next((a for a in journal(conn) if (a.phase, a.script) == (phase, script)), None)


def run_once(
    conn: Connection,
    phase: str,
    script: str,
    sha256: str,
    act: Callable[[], object],
    *,
    started: float | None = None,
) -> Applied | None:
    """Run a step and record it, in one transaction; return None if it is already applied.

    A lock makes concurrent runs wait. ProvisionError if the step was applied with another checksum.
    `started` (monotonic) is the start of the step if it began before this call.
    """
    with _errors_at_commit(f"{phase}/{script}"), one_transaction(conn):
        _prepare(conn)
        if done := entry(conn, phase, script):
            refuse_changed(done, sha256)
            return None
        started = time.monotonic() if started is None else started
        act()
        conn.execute("reset role")  # so that the connecting role owns the journal
        return _record(conn, phase, script, sha256, time.monotonic() - started)


@contextmanager
def _errors_at_commit(name: str) -> Iterator[None]:
    """Raise ProvisionError for errors at commit: deferred constraints and lost connections."""
    try:
        yield
    except psycopg.Error as error:
        raise ProvisionError(
            f"{name}: not committed: {describe_error(error)}; the database is as it was before it"
        ) from error


def refuse_changed(done: Applied, sha256: str) -> None:
    """Raise ProvisionError with both checksums if they differ."""
    if done.sha256 != sha256:
        raise ProvisionError(
            f"{done.name} was applied on {done.applied_at:%Y-%m-%d %H:%M:%S %Z} with sha256 "
            f"{done.sha256} but is now {sha256}; an applied script cannot change: put the old "
            "text back and write the change as a new script"
        )


def _prepare(conn: Connection) -> None:
    try:
        conn.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        conn.execute("create schema if not exists pgcutover")
        conn.execute(_TABLE)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ProvisionError(
            f"schema pgcutover cannot be used on the target: {describe_error(error)}; "
            "grant create on the database, or connect as its owner"
        ) from error


def _record(
    conn: Connection, phase: str, script: str, sha256: str, duration_seconds: float
) -> Applied:
    insert = sql.SQL(
        "insert into pgcutover.journal (phase, script, sha256, duration_seconds) "
        "values (%s, %s, %s, %s) returning " + _COLUMNS
    )
    with conn.cursor(row_factory=class_row(Applied)) as cursor:
        row = cursor.execute(insert, [phase, script, sha256, duration_seconds]).fetchone()
    assert row is not None  # noqa: S101 - insert … returning gives one row
    return row
