"""The server process: binds a port, prints its address, and ends with its parent."""

import json
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from pgcutover.awslocal.http.app import LocalAws
from pgcutover.awslocal.http.moto_clients import AwsClients
from pgcutover.awslocal.http.store import Store
from pgcutover.awslocal.task.supervisor import Supervisor
from pgcutover.errors import ServerError

HOST = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: a request may name a secret."""


def serve(port: int, state_dir: Path) -> None:
    """Serve until stdin ends or a signal arrives, then stop the tasks and return."""
    _make(state_dir)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    listener = _match_columns(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    store = Store(state_dir / "dms.json")
    supervisor = Supervisor(store, AwsClients(url), state_dir)
    server = _server(listener, LocalAws(store, supervisor, _moto()))
    _end_with_parent(server)
    print(json.dumps({"url": url}), flush=True)
    server.serve_forever()
    supervisor.shut_down()


def _make(state_dir: Path) -> None:
    """Create the folder but not its parents: a run that has ended removed them."""
    try:
        state_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ServerError(
            f"expected {state_dir} to be a folder or to become one, found: {error.strerror}; "
            "make the folder above it first"
        ) from error


def _match_columns(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ServerError(
            f"expected port {port} of {HOST} to be free, found {error.strerror}; "
            "use --port 0 to take any"
        ) from error
    listener.listen(128)
    return listener


def _server(listener: socket.socket, application: Any) -> BaseWSGIServer:
    port = listener.getsockname()[1]
    return make_server(
        HOST, port, application, threaded=True, request_handler=_QuietHandler, fd=listener.fileno()
    )


def _moto() -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def _end_with_parent(server: BaseWSGIServer) -> None:
    def end(*_: object) -> None:
        # shutdown() waits for the loop, which this signal handler interrupted
        threading.Thread(target=server.shutdown, daemon=True).start()

    def watch_stdin() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    threading.Thread(target=watch_stdin, daemon=True).start()
