"""What goes on in the background: connection tests and, one thread a task, moving rows."""

import threading
import time
from pathlib import Path

import psycopg

from pgcutover.awslocal.cloud import Cloud
from pgcutover.awslocal.database import EndpointError, place_of
from pgcutover.awslocal.faults import DmsFault
from pgcutover.awslocal.service import delay_seconds
from pgcutover.awslocal.store import Record, Store


class Supervisor:
    """Starts and stops the background work of the service."""

    def __init__(self, store: Store, cloud: Cloud, state_dir: Path) -> None:
        """Nothing runs yet."""
        self._store = store
        self._cloud = cloud
        self._state_dir = state_dir

    def test(self, connection: Record, endpoint: Record) -> None:
        """Connect to an endpoint in the background and record how that went."""
        threading.Thread(target=self._test, args=(connection, endpoint), daemon=True).start()

    def _test(self, connection: Record, endpoint: Record) -> None:
        time.sleep(delay_seconds())
        failure = self._connect(endpoint)
        with self._store.lock:
            connection.wire["Status"] = "failed" if failure else "successful"
            if failure:
                connection.wire["LastFailureMessage"] = failure
            self._store.save()

    def _connect(self, endpoint: Record) -> str:
        try:
            place = place_of(endpoint, self._store, self._cloud, self._state_dir)
            place.connect().close()
        except (EndpointError, psycopg.Error, DmsFault) as error:
            return (
                "Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed "
                f"to connect, Application-Detailed-Message: {error}"
            )
        return ""

    def start(self, task: Record, mode: str) -> None:
        """Begin moving rows for a task, in the background."""
        raise DmsFault("InternalFailure", "moving rows is not there yet")

    def stop(self, task: Record) -> None:
        """Ask a running task to stop, in the background."""

    def delete(self, task: Record) -> None:
        """Drop what the task left on the source and forget it, in the background."""
        task.become("Status", "deleting", None, delay_seconds())

    def reload(self, task: Record, tables: list[tuple[str, str]]) -> None:
        """Ask a running task to load tables again."""

    def shut_down(self) -> None:
        """Stop what runs and remember where."""
