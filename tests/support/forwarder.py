"""A TCP forwarder in front of a test server."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo


@contextmanager
def forwarded(
    dsn: str, other: str = "", is_other: Callable[[], bool] = lambda: False
) -> Iterator[str]:
    """Yield the DSN of a forwarder to `dsn`; new connections go to `other` while `is_other()`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(_place(other if is_other() else dsn))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield make_conninfo(dsn, port=listener.getsockname()[1])
    finally:
        listener.close()


def _place(dsn: str) -> tuple[str, int]:
    parts = conninfo_to_dict(dsn)
    return str(parts["host"]), int(str(parts["port"]))


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    other.close()
