"""Dual-write over a pool of asynchronous connections; sync.py for asyncio."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from pgcutover.dualwrite import statements as st
from pgcutover.dualwrite.sync import Row, first


class AsyncPool(Protocol):
    """A pool of connections to the source, such as psycopg_pool.AsyncConnectionPool."""

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        """Lend a connection; its transaction ends with the block."""


class AsyncDualWrite:
    """Transactions on the source, whose rows a relay writes to the target.

    `pool` must write to the side that is open: after a cutover the old side refuses writes with
    SQLSTATE 25006, and docs/clients has pools that then follow the secret.
    """

    def __init__(self, pool: AsyncPool) -> None:
        """Use a pool; nothing is opened or checked yet."""
        self._pool = pool
        self._captured: set[str] = set()

    @asynccontextmanager
    async def transaction(
        self, *, applied_within: float | None = None
    ) -> AsyncIterator["AsyncWrites"]:
        """One transaction, committed at the end of the block, rolled back on an error.

        With `applied_within` the block then waits until the target has it too: NotAppliedError
        after that many seconds. The writes are committed all the same. That needs the role in
        `application_roles` of `[outbox]`.
        """
        async with self._pool.connection() as connection, connection.transaction():
            low = await self._low(connection) if applied_within is not None else 0
            yield AsyncWrites(connection, self._captured)
            position = await self._position(connection, low) if applied_within is not None else None
        if applied_within is not None and position is not None:
            await self.wait_until_applied(position, applied_within)

    async def wait_until_applied(self, position: st.Position, seconds: float) -> None:
        """Wait until the target has a committed transaction; NotAppliedError after a deadline."""
        deadline = time.monotonic() + seconds
        while True:
            async with self._pool.connection() as connection:
                arguments = [position.transaction, position.low, position.high]
                cursor = await connection.execute(st.STATE.encode(), arguments)
                found = await cursor.fetchone()
            state = first(found)
            if st.refuse_state(str(state), deadline - time.monotonic()):
                return
            await asyncio.sleep(st.POLL_SECONDS)

    async def _low(self, connection: psycopg.AsyncConnection[Any]) -> int:
        cursor = await connection.execute(st.BEGUN.encode())
        return int(first(await cursor.fetchone()))

    async def _position(self, connection: psycopg.AsyncConnection[Any], low: int) -> st.Position:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(st.ENDED.encode())
        transaction, high = await cursor.fetchone() or (0, 0)
        return st.Position(transaction, low, high)


class AsyncWrites:
    """The writes of one transaction; tables and columns have their names on the source."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], captured: set[str]) -> None:
        """Write in the connection's transaction; `captured` are tables that were checked."""
        self.connection = connection
        self._captured = captured

    async def insert(self, table: str, row: st.Values, returning: Sequence[str] = ()) -> Row | None:
        """Insert a row; return the `returning` columns of it."""
        return await self._one(table, st.insert(table, [row], returning))

    async def insert_many(
        self, table: str, rows: Sequence[st.Values], returning: Sequence[str] = ()
    ) -> list[Row]:
        """Insert rows of the same columns in one statement."""
        return await self._all(table, st.insert(table, rows, returning)) if rows else []

    async def upsert(
        self, table: str, row: st.Values, key: Sequence[str], returning: Sequence[str] = ()
    ) -> Row | None:
        """Insert a row, or update the row that has its values of the unique columns `key`."""
        return await self._one(table, st.upsert(table, row, key, returning))

    async def update(
        self, table: str, changes: st.Values, where: st.Values, returning: Sequence[str] = ()
    ) -> list[Row]:
        """Update the rows that have the values of `where`."""
        return await self._all(table, st.update(table, changes, where, returning))

    async def delete(
        self, table: str, where: st.Values, returning: Sequence[str] = ()
    ) -> list[Row]:
        """Delete the rows that have the values of `where`."""
        return await self._all(table, st.delete(table, where, returning))

    async def execute(
        self, query: str | sql.SQL | sql.Composed, parameters: Any = None
    ) -> psycopg.AsyncCursor[Row]:
        """Run any statement; triggers capture what it writes, by cascades and functions too."""
        text = query.encode() if isinstance(query, str) else query
        return await self.connection.cursor(row_factory=dict_row).execute(text, parameters)

    async def _one(self, table: str, statement: st.Statement) -> Row | None:
        rows = await self._all(table, statement)
        return rows[0] if rows else None

    async def _all(self, table: str, statement: st.Statement) -> list[Row]:
        await self._check(table)
        cursor = await self.execute(statement.query, statement.parameters)
        return await cursor.fetchall() if cursor.description else []

    async def _check(self, table: str) -> None:
        """Check once that a table is captured."""
        if table not in self._captured:
            name = [st.table_name(table).as_string(None)]
            cursor = await self.connection.execute(st.CAPTURED.encode(), name)
            found = await cursor.fetchone()
            st.refuse_uncaptured(table, is_captured=bool(first(found)))
            self._captured.add(table)
