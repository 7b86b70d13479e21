"""KGC's application writing during the load: seeded, rate-limited, in a thread."""

import threading
import time
from dataclasses import dataclass

import psycopg

from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ServerError
from pgcutover.setup.demo.actions import WEIGHTED, Action, Hand

_DECK: tuple[Action, ...] = tuple(action for weight, action in WEIGHTED for _ in range(weight))


@dataclass(frozen=True, slots=True)
class WorkloadStats:
    """Committed transactions and rows; rows of cascades and triggers are not counted."""

    transactions: int
    rows: int


class Workload:
    """Writes to the KGC source as the application (role kgc_app) from start() to stop()."""

    def __init__(self, dsn: str, *, seed: int, rate_per_second: float) -> None:
        if rate_per_second <= 0:
            raise ValueError("rate_per_second must be above zero")
        self._dsn, self._seed, self._period = dsn, seed, 1.0 / rate_per_second
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._stats = WorkloadStats(0, 0)
        self._error: Exception | None = None

    def start(self) -> None:
        """Connect and start the thread; ServerError if it cannot connect."""
        if self._thread:
            raise RuntimeError("this workload has been started already; make another one")
        conn = _connect(self._dsn)
        self._thread = threading.Thread(
            target=self._run, args=(conn,), name="kgc-workload", daemon=True
        )
        self._thread.start()

    def stop(self) -> WorkloadStats:
        """Wait for the current transaction; ServerError if the thread has failed."""
        self._stopping.set()
        if self._thread:
            self._thread.join()
        if self._error:
            raise ServerError(
                f"the workload gave up after {self._stats.transactions} transactions: "
                f"{describe_error(self._error)}; what the rehearsal shows from then on is a source "
                "at rest"
            ) from self._error
        return self._stats

    def _run(self, conn: psycopg.Connection[tuple[object, ...]]) -> None:
        try:
            with conn:
                self._work(Hand(conn, self._seed))
        except Exception as error:  # stop() raises it
            self._error = error

    def _work(self, hand: Hand) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._commit(hand, _DECK[hand.values.below(len(_DECK))])
            # no burst after a slow response
            due = max(due, time.monotonic() - self._period) + self._period

    def _commit(self, hand: Hand, action: Action) -> None:
        rows = 0
        with hand.conn.transaction():
            rows = action(hand)
        if rows:
            self._stats = WorkloadStats(self._stats.transactions + 1, self._stats.rows + rows)


def _connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        conn = psycopg.connect(dsn, autocommit=True, application_name="kgc-workload")
        conn.execute("set statement_timeout = '60s'")  # so that stop() always returns
    except psycopg.Error as error:
        raise ServerError(f"the workload cannot connect: {describe_error(error)}") from error
    return conn
