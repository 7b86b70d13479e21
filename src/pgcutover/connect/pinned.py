"""The connection that reads and writes users' databases: every setting ends with its transaction.

Behind a pooler a server session is given to another client as soon as a transaction ends. A
setting, a prepared statement or an advisory lock of the session would meet that client.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import Row

from pgcutover.connect.locks import explain_errors
from pgcutover.connect.transaction_counts import COUNTS
from pgcutover.error_texts.database_errors import ErrorContext, quote_name
from pgcutover.errors import ServerError

# Settings on which the text of a value depends (PostgreSQL 17, 19.11 "Client Connection
# Defaults"). With row_security off the server raises an error instead of hiding rows.
PINNED = {
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog",
    "row_security": "off",
    "idle_in_transaction_session_timeout": "0",
}
_VERIFIED = {**PINNED, "transaction_read_only": "on"}
_SETTINGS = (
    "select pg_catalog.json_object_agg(n, pg_catalog.current_setting(n))"
    " from pg_catalog.unnest(%s::pg_catalog.text[]) n"
)


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that sets its pinned settings at the start of each transaction.

    Without pinned settings it is a connection of psycopg, for provisioning and scratch databases.
    """

    pinned: sql.Composed | None = None
    side = ""
    lock_timeout_seconds = 0.0

    def pin(self) -> None:
        """Begin a transaction with the pinned settings, unless one has begun."""
        if self.pinned is None or self.info.transaction_status is not TransactionStatus.IDLE:
            return
        self._set_pinned(self.pinned)

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """A transaction with the pinned settings, or a savepoint of the one that has begun."""
        begins = self.info.transaction_status is TransactionStatus.IDLE
        with super().transaction(savepoint_name, force_rollback) as block:
            if begins and self.pinned is not None:
                self._set_pinned(self.pinned)
            elif begins:
                COUNTS.add(self.info)
            yield block

    def explained_errors(self) -> AbstractContextManager[None]:
        """Add to errors within it what this connection knows about them."""
        role = quote_name(self.info.user)
        return explain_errors(self, ErrorContext(self.side, role, self.lock_timeout_seconds))

    def _set_pinned(self, settings: sql.Composed) -> None:
        COUNTS.add(self.info)
        psycopg.Cursor(self).execute(settings)
        # outside of a transaction SET LOCAL only warns
        if self.info.transaction_status is not TransactionStatus.INTRANS:
            raise ServerError(
                "settings cannot be pinned: expected a transaction, found autocommit mode; "
                "please report it"
            )


class PinnedCursor(psycopg.Cursor[Row]):
    """A cursor that pins the settings of its connection's transaction before it uses it."""

    def execute(self, *arguments: Any, **options: Any) -> "PinnedCursor[Row]":
        """Run one statement."""
        self._pin()
        with self._explained_errors():
            super().execute(*arguments, **options)
        return self

    def executemany(self, *arguments: Any, **options: Any) -> None:
        """Run one statement for each row of parameters."""
        self._pin()
        super().executemany(*arguments, **options)

    def stream(self, *arguments: Any, **options: Any) -> Iterator[Row]:
        """Run one query and return its rows while they arrive."""
        self._pin()
        return super().stream(*arguments, **options)

    @contextmanager
    def copy(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        """Run one COPY."""
        self._pin()
        with self._explained_errors(), super().copy(*arguments, **options) as copy:
            yield copy

    def _explained_errors(self) -> AbstractContextManager[None]:
        if isinstance(self.connection, Connection):
            return self.connection.explained_errors()
        return nullcontext()

    def _pin(self) -> None:
        if isinstance(self.connection, Connection):
            self.connection.pin()


def set_local(settings: Mapping[str, str]) -> sql.Composed:
    """SET LOCAL for each setting, in one string.

    Commands, because a search_path can put another function before set_config, and because a
    query before SET TRANSACTION SNAPSHOT makes that command fail.
    """
    commands = (
        sql.SQL("set local {} to {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in settings.items()
    )
    return sql.SQL("; ").join(commands)


def verify_pinned(connection: psycopg.Connection[Any]) -> None:
    """Raise ServerError where a pinned setting does not hold in the current transaction."""
    row = connection.execute(_SETTINGS, [list(_VERIFIED)]).fetchone()
    found = dict(row[0]) if row else {}
    for name, value in _VERIFIED.items():
        if found.get(name) != value:
            raise ServerError(
                f"setting {name} cannot be pinned: expected {value!r}, found {found.get(name)!r}; "
                "results would depend on it; connect to the server itself, not through a pooler "
                "that shares sessions"
            )
