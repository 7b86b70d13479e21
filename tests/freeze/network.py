"""A TCP forwarder whose connections can be cut as a network is: no packet comes through."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo


@contextmanager
def cuttable(dsn: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The DSN of a forwarder, and a call that stops both directions without closing a socket."""
    listener, is_cut = socket.create_server(("127.0.0.1", 0)), threading.Event()
    parts = conninfo_to_dict(dsn)
    sockets: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((str(parts["host"]), int(str(parts["port"]))))
                sockets.extend((client, server))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()

    def pump(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if is_cut.is_set():
                    return
                other.sendall(data)
            if not is_cut.is_set():
                other.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield make_conninfo(dsn, port=listener.getsockname()[1]), is_cut.set
    finally:
        listener.close()
        for each in sockets:
            each.close()
