"""A pool that follows the secret: a write refused by the old side is done again on the new one.

During the freeze a write waits. After the switch the old side refuses it with SQLSTATE 25006; the
secret is read again, the pool is replaced, and the transaction runs again. The secret's DSN should
have sslmode=verify-full and sslrootcert with the CA of its server.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import psycopg

# refuses writes; its session was ended, also by a crash; it starts; its rights were taken
MOVED = ("25006", "57P01", "57P02", "57P03", "42501")
PAUSE_SECONDS = 0.05


class Pool(Protocol):
    """A pool of connections, such as psycopg_pool.ConnectionPool."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend a connection; its transaction ends with the block."""

    def close(self) -> None:
        """Close all connections."""


class FollowingPool:
    """Runs transactions where the secret leads; `read_url` reads it, `make_pool` opens a pool."""

    def __init__(
        self,
        read_url: Callable[[], str],
        make_pool: Callable[[str], Pool],
        patience_seconds: float = 30.0,
    ) -> None:
        """Open nothing yet."""
        self._read_url, self._make_pool = read_url, make_pool
        self._patience_seconds = patience_seconds
        self._pool: Pool | None = None
        self._lock = threading.Lock()

    def run(self, transaction: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        """Run a transaction; it may run twice if the connection was lost during its commit."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            pool = None
            try:
                pool = self._open_pool()
                with pool.connection() as connection:
                    return transaction(connection)
            except psycopg.Error as error:
                if not has_moved(error) or time.monotonic() > deadline:
                    raise
                self._replace(pool)
                time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """Close the pool."""
        self._replace(self._pool)

    def _open_pool(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = self._make_pool(self._read_url())
            return self._pool

    def _replace(self, pool: Pool | None) -> None:
        """Close a pool that led to the wrong side, unless another thread has replaced it."""
        with self._lock:
            if pool is not None and pool is self._pool:
                self._pool = None
                pool.close()


def has_moved(error: psycopg.Error) -> bool:
    """Return whether the database may have moved: it refuses writes, or cannot be reached."""
    lost = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return lost or error.sqlstate in MOVED
