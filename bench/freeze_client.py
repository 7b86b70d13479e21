"""The application of the freeze's benchmark: writes through the documented pool, and records it.

`python freeze_client.py ENV_FILE RECORD THREADS PER_SECOND ROWS`; it ends when its stdin does. Each
line of the record is `ok THREAD TIME` for an accepted transaction or `error SQLSTATE TIME` for a
refused one; times are monotonic seconds.
"""

import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import psycopg

from pgcutover.clients.python_pool import FollowingPool
from pgcutover.rehearsal.client import OneConnection

_PATIENCE_SECONDS = 120


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
    pool = FollowingPool(lambda: _read_url(env_file), OneConnection, _PATIENCE_SECONDS)
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


def _read_url(path: Path) -> str:
    for line in path.read_text().splitlines():
        if line.startswith("DATABASE_URL="):
            return line.partition("=")[2]
    raise LookupError(str(path))


if __name__ == "__main__":
    main()
