"""KGC's application during the night: it writes throughout, where the secret leads.

`python -m pgcutover.rehearsal.client REGION SECRET RECORD`; it ends when its stdin does. Each line
of the record is an acknowledged write: its token, and the second of the monotonic clock.
"""

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from pgcutover.clients.python_pool import FollowingPool
from pgcutover.context import AwsAccess
from pgcutover.movers.dms.client import Api

PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0


class OneConnection:
    """A pool of one connection."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self._connection = psycopg.connect(url)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Yield the connection; its transaction ends with the block."""
        with self._connection.transaction():
            yield self._connection

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def read_url(api: Api, secret: str) -> str:
    """Return the application's URL, as the secret has it now."""
    # the default, which the local endpoint forgets when the label is moved
    answer = api.call(
        "secretsmanager", "get_secret_value", SecretId=secret, VersionStage="AWSCURRENT"
    )
    return str(json.loads(answer["SecretString"])["DATABASE_URL"])


def write_until(ended: threading.Event, pool: FollowingPool, note: Callable[[str], object]) -> None:
    """Write rows one after another; note each that is acknowledged."""
    while not ended.is_set():
        token = uuid.uuid4()
        pool.run(partial(_write, token))
        note(f"{token} {time.monotonic():.4f}\n")
        time.sleep(PAUSE_SECONDS)


def _write(token: uuid.UUID, connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "insert into public.chat_memory (user_id, conversation_id, speaker, content)"
        " values (1, %s, 'user', 'written during the night')",
        [token],
    )


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main() -> None:
    """Write until stdin ends; any error but those of the move ends the program."""
    region, secret, record = sys.argv[1:]
    access = AwsAccess(os.environ["PGCUTOVER_AWS_ENDPOINT_URL"])
    api = Api(region, access)
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    pool = FollowingPool(lambda: read_url(api, secret), OneConnection, _PATIENCE_SECONDS)
    with Path(record).open("a", buffering=1, encoding="ascii") as acknowledged:
        write_until(ended, pool, acknowledged.write)
    pool.close()


if __name__ == "__main__":
    main()
