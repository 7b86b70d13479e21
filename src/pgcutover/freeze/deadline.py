"""A time limit for what a client waits for, which holds when the network is cut, too."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from pgcutover.connect import Connection


@contextmanager
def deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut the connection's socket after `seconds`, so that statements end with psycopg.Error.

    A server that is reached ends by its own timeouts, which are shorter; see LockSession.
    """
    timer = threading.Timer(max(seconds, 0.0), _shut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error):
        # a duplicate, because libpq closes its own descriptor
        own = socket.socket(fileno=os.dup(connection.pgconn.socket))
        with own:
            own.shutdown(socket.SHUT_RDWR)
