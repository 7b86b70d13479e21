"""An application that writes throughout, and records each write only when it is acknowledged.

`python client.py ENV_FILE RECORD_FILE`; it ends when its stdin does. It uses the documented pool.
"""

import importlib.util
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import psycopg

DOCUMENTED = Path(__file__).parents[2] / "docs" / "clients" / "python_pool.py"
INSERT = "insert into public.orders (token, note) values (%s, 'x') on conflict (token) do nothing"


def load_documented():
    spec = importlib.util.spec_from_file_location("python_pool", DOCUMENTED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SingleConnection:
    """The smallest pool: one connection."""

    def __init__(self, url):
        self._connection = psycopg.connect(url, prepare_threshold=None)  # it may lead to a pooler

    @contextmanager
    def connection(self):
        with self._connection.transaction():
            yield self._connection

    def close(self):
        self._connection.close()


def read_url(path):
    for line in path.read_text().splitlines():
        if line.startswith("DATABASE_URL="):
            return line.partition("=")[2]
    raise LookupError(path)


def main():
    env_file, record = Path(sys.argv[1]), Path(sys.argv[2])
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    pool = load_documented().FollowingPool(lambda: read_url(env_file), SingleConnection, 120)
    with record.open("a", buffering=1) as acknowledged:
        while not ended.is_set():
            token = uuid.uuid4()
            pool.run(lambda connection, token=token: connection.execute(INSERT, [token]))
            acknowledged.write(f"{token} {time.monotonic():.3f}\n")
            time.sleep(0.01)
    pool.close()


if __name__ == "__main__":
    main()
