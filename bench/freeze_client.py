"""The application of the freeze's benchmark: writes through the documented pool, and records it.

`python freeze_client.py ENV_FILE RECORD THREADS PER_SECOND ROWS`; it ends when its stdin does. Each
line of the record is `ok THREAD TIME` for an accepted transaction or `error SQLSTATE TIME` for a
refused one; times are monotonic seconds.
"""

import importlib.util
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import psycopg

_DOCUMENTED = Path(__file__).parents[1] / "docs" / "clients" / "python_pool.py"
_PATIENCE_SECONDS = 120


class Single:
    """The smallest pool: one connection, and one transaction a time."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self._connection = psycopg.connect(url)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend the connection for a transaction."""
        with self._connection.transaction():
            yield self._connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def main() -> None:
    """Write in several threads until stdin ends."""
    env_file, record, threads, rate, rows = sys.argv[1:]
    ended = threading.Event()
    with Path(record).open("a", buffering=1) as lines:
        workers = [
            threading.Thread(
                target=_work,
                args=(n, Path(env_file), lines, ended, int(threads) / float(rate), int(rows)),
            )
            for n in range(int(threads))
        ]
        for worker in workers:
            worker.start()
        sys.stdin.read()
        ended.set()
        for worker in workers:
            worker.join()


def _work(
    n: int, env_file: Path, lines: TextIO, ended: threading.Event, period: float, rows: int
) -> None:
    pool = _documented().FollowingPool(lambda: _read_url(env_file), Single, _PATIENCE_SECONDS)
    chance, due = random.Random(n), time.monotonic()  # noqa: S311 - a load

    def write(connection: psycopg.Connection[Any]) -> None:
        try:
            connection.execute(
                "update accounts set balance = balance + 1 where id = %s",
                [chance.randint(1, rows)],
            )
            connection.execute("insert into orders (note) values ('a note of an order')")
        except psycopg.Error as error:
            lines.write(f"error {error.sqlstate} {time.monotonic():.4f}\n")
            raise

    while not ended.is_set():
        pool.run(write)
        lines.write(f"ok {n} {time.monotonic():.4f}\n")
        due = max(due + period, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
    pool.close()


def _documented() -> ModuleType:
    spec = importlib.util.spec_from_file_location("python_pool", _DOCUMENTED)
    if spec is None or spec.loader is None:
        raise ImportError(str(_DOCUMENTED))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read_url(path: Path) -> str:
    for line in path.read_text().splitlines():
        if line.startswith("DATABASE_URL="):
            return line.partition("=")[2]
    raise LookupError(str(path))


if __name__ == "__main__":
    main()
