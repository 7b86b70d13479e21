"""A writer of two random tables that thinks between its statements; prints its commits' times.

`python freeze_writer.py DSN SEED TABLES`; it ends when its stdin does.
"""

import random
import sys
import threading
import time

import psycopg

_THINK_SECONDS = 0.02
_PAUSE_SECONDS = 0.01


def main() -> None:
    """Write until stdin ends."""
    dsn, seed, tables = sys.argv[1:]
    ended, chance = threading.Event(), random.Random(int(seed))  # noqa: S311 - a load
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    times: list[float] = []
    with psycopg.connect(dsn) as connection:
        while not ended.is_set():
            first, second = chance.sample(range(int(tables)), 2)
            _update(connection, first, chance)
            time.sleep(chance.uniform(0, _THINK_SECONDS))
            _update(connection, second, chance)
            connection.commit()
            times.append(time.monotonic())
            time.sleep(chance.uniform(0, _PAUSE_SECONDS))
    sys.stdout.write(" ".join(f"{each:.4f}" for each in times))


def _update(
    connection: "psycopg.Connection[tuple[object, ...]]", table: int, chance: random.Random
) -> None:
    query = f"update t{table} set n = n + 1 where id = %s"
    connection.execute(query.encode(), [chance.randint(1, 1000)])


if __name__ == "__main__":
    main()
