"""Watches for ACCESS EXCLUSIVE requests that queue behind the freeze's locks.

Writers queue behind such a request, so before the freeze the locks are given up for it.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from pgcutover.connect import Connection

_POLL_SECONDS = 0.05
_QUEUED = """
select count(*) from pg_locks
where not granted and mode = 'AccessExclusiveLock' and locktype = 'relation'
  and database = (select oid from pg_database where datname = current_database())
  and relation = any(%s::oid[])
"""


class QueueWatch:
    """A thread with a session of its own; calls `give_up` once when such a request waits.

    An error of its session counts as a request: without a watch nothing may keep the locks.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        oids: Sequence[int],
        give_up: Callable[["QueueWatch"], None],
    ) -> None:
        """Keep the oids of the relations that are locked."""
        self._connect, self._oids, self._give_up = connect, list(oids), give_up
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start to watch."""
        threading.Thread(target=self._run, name="queue-watch", daemon=True).start()

    def stop(self) -> None:
        """Stop before the next look, without waiting for the thread."""
        self._stopped.set()

    def _run(self) -> None:
        with suppress(Exception), self._connect() as connection:
            while not self._stopped.is_set() and not self._is_queued(connection):
                self._stopped.wait(_POLL_SECONDS)
        if not self._stopped.is_set():
            self._give_up(self)

    def _is_queued(self, connection: Connection) -> bool:
        with connection.transaction():
            row = connection.execute(_QUEUED, [self._oids]).fetchone()
        return bool(row and row[0])
