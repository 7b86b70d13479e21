"""Fences: proofs that commits of the source have been applied on the target."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Protocol

import psycopg
from psycopg import sql

from pgcutover.connect import Connection, open_session, open_writer
from pgcutover.error_texts.database_errors import describe_error, explain_error
from pgcutover.errors import ServerError
from pgcutover.mapping import RelationName

_POLL_SECONDS = 0.1


class Fence(Protocol):
    """A way to wait until earlier changes of the source are on the target."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    def passes(self) -> bool:
        """Return whether everything committed on the source before the call has arrived."""


@dataclass(frozen=True, slots=True)
class WaitingFence:
    """Waits for a lagging mover if nothing may be written on the source."""

    seconds: float

    @property
    def name(self) -> str:
        """Its name in reports."""
        return f"{self.seconds:g} s apart"

    def passes(self) -> bool:
        """Wait, and return False: time alone proves nothing."""
        sleep(self.seconds)
        return False


@dataclass(frozen=True, slots=True)
class MarkerFence:
    """Marker row: once it is on the target, every earlier commit has been applied.

    Each time, one row is written into a table that serves no other purpose. While a marker is
    overdue no other is written, so a stalled mover is waited for once, not for each table.
    """

    writer_dsn: str = field(repr=False)
    reader_dsn: str = field(repr=False)
    source_table: RelationName
    target_table: RelationName
    timeout_seconds: float = 60.0
    _overdue: list[Callable[[], bool]] = field(default_factory=list, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in reports."""
        return f"marker through {self.target_table}"

    def passes(self) -> bool:
        """Return whether a marker arrived in time; ServerError where it cannot be used."""
        if self._overdue and not self._overdue[0]():
            return False
        self._overdue.clear()
        arrived = write_marker(
            self.writer_dsn, self.reader_dsn, self.source_table, self.target_table
        )
        until = monotonic() + self.timeout_seconds
        while not arrived():
            if monotonic() > until:
                self._overdue.append(arrived)
                return False
            sleep(_POLL_SECONDS)
        return True


def write_marker(
    writer_dsn: str, reader_dsn: str, source_table: RelationName, target_table: RelationName
) -> Callable[[], bool]:
    """Write a marker row on the source; return a call that says whether it is on the target."""
    marker = uuid.uuid4()
    try:
        with open_writer(writer_dsn) as source:
            insert_marker(source, source_table, marker)
    except psycopg.Error as error:
        raise ServerError(
            f"source: no marker can be written into {source_table}: {describe_error(error)}; its "
            "writer needs insert on the table"
        ) from error

    def arrived() -> bool:
        try:
            with open_session(reader_dsn) as target:
                return has_marker(target, target_table, marker)
        except psycopg.Error as error:
            raise ServerError(
                f"target: the marker in {target_table} cannot be read: {explain_error(error)}"
            ) from error

    return arrived


def insert_marker(source: Connection, table: RelationName, marker: uuid.UUID) -> None:
    """Insert a marker row; the caller commits."""
    insert = sql.SQL("insert into {} (id) values (%s)").format(_identifier(table))
    source.execute(insert, [marker])


def has_marker(target: Connection, table: RelationName, marker: uuid.UUID) -> bool:
    """Return whether the marker row is there."""
    select = sql.SQL("select 1 from {} where id = %s").format(_identifier(table))
    return target.execute(select, [marker]).fetchone() is not None


def _identifier(name: RelationName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)
