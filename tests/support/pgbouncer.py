"""A real PgBouncer in front of a test server."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_START_SECONDS = 30
_CONFIG = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 100
server_tls_sslmode = require
ignore_startup_parameters = extra_float_digits,options
"""


def pgbouncer_program() -> str:
    """Return the program's path; if it is missing, CI fails and a developer's run skips."""
    found = shutil.which(
        "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    )
    if found is None and os.environ.get("CI"):
        pytest.fail("pgbouncer is not installed; CI needs it (apt-get install pgbouncer)")
    if found is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    return found


@contextmanager
def pgbouncer(dsn: str, mode: str, size: int = 3, **settings: object) -> Iterator[str]:
    """Yield the DSN of a PgBouncer that opens at most `size` server sessions per user."""
    program, parts = pgbouncer_program(), conninfo_to_dict(dsn)
    listen = _free_port()
    with tempfile.TemporaryDirectory(prefix="pgcutover-pool-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PgBouncer refuses to run as root
        config = folder / "pgbouncer.ini"
        config.write_text(
            _CONFIG.format(
                host=parts["host"], port=parts["port"], listen=listen, folder=folder,
                mode=mode, size=size,
            )
            + "".join(f"{name} = {value}\n" for name, value in settings.items())
        )  # fmt: skip
        (folder / "users.txt").write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
        as_nobody = ["-u", "nobody"] if os.getuid() == 0 else []
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [program, *as_nobody, str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            pooled = make_conninfo(
                "", host="127.0.0.1", port=listen, user=parts["user"],
                password=parts["password"], dbname=parts["dbname"], sslmode="disable",
            )  # fmt: skip
            _wait(pooled, mode, process, folder / "log")
            yield pooled
        finally:
            process.terminate()
            process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(dsn: str, mode: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = monotonic() + _START_SECONDS
    while monotonic() < until and process.poll() is None:
        with suppress(psycopg.Error), psycopg.connect(dsn, autocommit=True):
            return
        sleep(0.05)
    pytest.fail(f"pgbouncer in mode {mode} did not start: {log.read_text()}")
