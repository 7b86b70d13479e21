"""Dual-write over a pool of connections."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from pgcutover.dualwrite import statements as st

Row = dict[str, Any]


class Pool(Protocol):
    """A pool of connections to the source, such as psycopg_pool.ConnectionPool."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend a connection; its transaction ends with the block."""


class DualWrite:
    """Transactions on the source, whose rows a relay writes to the target.

    `pool` must write to the side that is open: after a cutover the old side refuses writes with
    SQLSTATE 25006, and docs/clients has pools that then follow the secret.
    """

    def __init__(self, pool: Pool) -> None:
        """Use a pool; nothing is opened or checked yet."""
        self._pool = pool
        self._captured: set[str] = set()

    @contextmanager
    def transaction(self, *, applied_within: float | None = None) -> Iterator["Writes"]:
        """One transaction, committed at the end of the block, rolled back on an error.

        With `applied_within` the block then waits until the target has it too: NotAppliedError
        after that many seconds. The writes are committed all the same. That needs the role in
        `application_roles` of `[outbox]`.
        """
        with self._pool.connection() as connection, connection.transaction():
            low = self._low(connection) if applied_within is not None else 0
            yield Writes(connection, self._captured)
            position = self._position(connection, low) if applied_within is not None else None
        if applied_within is not None and position is not None:
            self.wait_until_applied(position, applied_within)

    def wait_until_applied(self, position: st.Position, seconds: float) -> None:
        """Wait until the target has a committed transaction; NotAppliedError after a deadline."""
        deadline = time.monotonic() + seconds
        while True:
            with self._pool.connection() as connection:
                arguments = [position.transaction, position.low, position.high]
                found = connection.execute(st.STATE.encode(), arguments).fetchone()
            state = first(found)
            if st.refuse_state(str(state), deadline - time.monotonic()):
                return
            time.sleep(st.POLL_SECONDS)

    def _low(self, connection: psycopg.Connection[Any]) -> int:
        return int(first(connection.execute(st.BEGUN.encode()).fetchone()))

    def _position(self, connection: psycopg.Connection[Any], low: int) -> st.Position:
        cursor = connection.cursor(row_factory=tuple_row)
        transaction, high = cursor.execute(st.ENDED.encode()).fetchone() or (0, 0)
        return st.Position(transaction, low, high)


class Writes:
    """The writes of one transaction; tables and columns have their names on the source."""

    def __init__(self, connection: psycopg.Connection[Any], captured: set[str]) -> None:
        """Write in the connection's transaction; `captured` are tables that were checked."""
        self.connection = connection
        self._captured = captured

    def insert(self, table: str, row: st.Values, returning: Sequence[str] = ()) -> Row | None:
        """Insert a row; return the `returning` columns of it."""
        return self._one(table, st.insert(table, [row], returning))

    def insert_many(
        self, table: str, rows: Sequence[st.Values], returning: Sequence[str] = ()
    ) -> list[Row]:
        """Insert rows of the same columns in one statement."""
        return self._all(table, st.insert(table, rows, returning)) if rows else []

    def upsert(
        self, table: str, row: st.Values, key: Sequence[str], returning: Sequence[str] = ()
    ) -> Row | None:
        """Insert a row, or update the row that has its values of the unique columns `key`."""
        return self._one(table, st.upsert(table, row, key, returning))

    def update(
        self, table: str, changes: st.Values, where: st.Values, returning: Sequence[str] = ()
    ) -> list[Row]:
        """Update the rows that have the values of `where`."""
        return self._all(table, st.update(table, changes, where, returning))

    def delete(self, table: str, where: st.Values, returning: Sequence[str] = ()) -> list[Row]:
        """Delete the rows that have the values of `where`."""
        return self._all(table, st.delete(table, where, returning))

    def execute(
        self, query: str | sql.SQL | sql.Composed, parameters: Any = None
    ) -> psycopg.Cursor[Row]:
        """Run any statement; triggers capture what it writes, by cascades and functions too."""
        text = query.encode() if isinstance(query, str) else query
        return self.connection.cursor(row_factory=dict_row).execute(text, parameters)

    def _one(self, table: str, statement: st.Statement) -> Row | None:
        rows = self._all(table, statement)
        return rows[0] if rows else None

    def _all(self, table: str, statement: st.Statement) -> list[Row]:
        self._check(table)
        cursor = self.execute(statement.query, statement.parameters)
        return cursor.fetchall() if cursor.description else []

    def _check(self, table: str) -> None:
        """Check once that a table is captured."""
        if table not in self._captured:
            name = [st.table_name(table).as_string(None)]
            found = self.connection.execute(st.CAPTURED.encode(), name).fetchone()
            st.refuse_uncaptured(table, is_captured=bool(first(found)))
            self._captured.add(table)


def first(row: Any) -> Any:
    """Return the first value of a row of any row factory."""
    values = row.values() if isinstance(row, dict) else row or (None,)
    return next(iter(values))
