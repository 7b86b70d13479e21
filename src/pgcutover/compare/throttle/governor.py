"""Holds the comparison back on a server that has other work to do.

While others are at work, all sessions of ours together keep `load` backends busy on average: one
question at a time, and rests in proportion. A rest is taken while no snapshot of ours is open,
because a server whose rows change fast suffers more from an old snapshot than from a busy backend.
A server on which nobody else works is read at full speed. Whether others work is looked at once a
second, and for longer than that before the first question, by the transactions that they complete,
which every role may see, and by their active sessions, where this role may see them: a sampled
session alone would often be missed between two short statements. For the same reason it takes
several quiet looks until a busy server is taken for an idle one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, RLock
from time import monotonic

import psycopg

from pgcutover.compare.throttle.server_load import LoadLimits, LoadSample, exceeded, sample
from pgcutover.connect import Connection
from pgcutover.errors import UnreadableError
from pgcutover.redact import describe_error

LOOK_SECONDS = 1.0
_FIRST_LOOKS = 15
_BETWEEN = 0.1  # of LOOK_SECONDS, the first looks
BUSY_TRANSACTIONS_PER_SECOND = 5.0
_QUIET_LOOKS = 3  # in a row, before a busy server is taken for an idle one
PAUSE_SECONDS = 2.0


class Governor:
    """Paces all sessions of one side; shared by threads."""

    def __init__(
        self,
        side: str,
        connect: Callable[[], Connection],
        limits: LoadLimits,
        patience_seconds: float,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Nothing is opened yet; `connect` opens a watching session, `say` is told of pauses."""
        self._side, self._connect, self._limits = side, connect, limits
        self._patience_seconds, self._say = patience_seconds, say
        self._connection: Connection | None = None
        self._lock, self._interrupted = RLock(), Event()
        self._last: tuple[float, LoadSample] | None = None
        self._owed_seconds = 0.0
        self._reason = ""
        self._own_transactions = 0
        self._quiet_looks = 0
        self.is_busy = False
        self.held_back_seconds = 0.0
        self.pauses = 0

    @contextmanager
    def throttled(self) -> Iterator[None]:
        """Around one question: what it takes is owed in rest while others are at work."""
        if self._limits.hold_nothing:
            yield
            return
        self._look()
        if not self.is_throttled:
            yield
            return
        with self._lock:
            start = monotonic()
            yield
            self._owed_seconds += (monotonic() - start) * (1 / self._limits.load - 1)

    @property
    def is_throttled(self) -> bool:
        """Whether others are at work and we may not work as much as we could."""
        return self.is_busy and self._limits.load < 1

    @property
    def should_release_snapshot(self) -> bool:
        """Whether reading should stop, and its snapshot end, as soon as it can."""
        return self.is_throttled or bool(self._reason)

    def sleep_off(self) -> None:
        """Rest as long as is owed, and while the server is under pressure."""
        if self._limits.hold_nothing:
            return
        owed, self._owed_seconds = self._owed_seconds, 0.0
        self._sleep(owed)
        self.pause()

    def pause(self) -> None:
        """Wait while the server is under pressure; UnreadableError when that takes too long."""
        if self._limits.hold_nothing:
            return
        self._look()
        if self._reason:
            self._pause()

    def interrupt(self) -> None:
        """Let every thread that is held back go on at once, to its end."""
        self._interrupted.set()

    def begin(self) -> None:
        """A new transaction of ours begins."""
        self._interrupted.clear()
        self._own_transactions += 1

    def close(self) -> None:
        """End the governor's session."""
        if self._connection is not None:
            self._connection.close()

    def _look(self) -> None:
        with self._lock:
            if self._last is not None and monotonic() - self._last[0] < LOOK_SECONDS:
                return
            if self._last is None:
                self._look_for_a_while()
            pressure = self._measured()
            self._reason = exceeded(pressure, self._limits)
            self._judge(pressure)

    def _look_for_a_while(self) -> None:
        """At first, until work of others is seen: what is read before it is seen is not held back.

        Servers count their transactions about once a second (PostgreSQL 17, 27.2 "Statistics").
        """
        self._judge(self._measured())
        for _ in range(_FIRST_LOOKS if self._limits.load < 1 else 0):
            if self.is_busy:
                break
            self._interrupted.wait(LOOK_SECONDS * _BETWEEN)
            self.is_busy = bool(self._measured().active_sessions)

    def _pause(self) -> None:
        self.pauses += 1
        paused_at = monotonic()
        while self._reason and not self._interrupted.is_set():
            self._say(f"{self._side}: {self._reason}")
            if monotonic() - paused_at > self._patience_seconds:
                raise UnreadableError(
                    f"the {self._side} has been under pressure for {self._patience_seconds:.0f} s: "
                    f"{self._reason}; run again when it has recovered, or raise the limit in "
                    "[budgets]"
                )
            self._sleep(PAUSE_SECONDS)
            self._reason = exceeded(self._measured(), self._limits)

    def _judge(self, pressure: LoadSample) -> None:
        """Whether others are at work, from this look and the one before."""
        now, last = monotonic(), self._last
        self._last = now, pressure
        is_active = bool(pressure.active_sessions)
        if last is None:
            self.is_busy = is_active
            return
        theirs = pressure.transactions - last[1].transactions - self._own_transactions - 1
        self._own_transactions = 0
        rate = theirs / max(now - last[0], 0.001)
        is_at_work = is_active or rate > BUSY_TRANSACTIONS_PER_SECOND
        self._quiet_looks = 0 if is_at_work else self._quiet_looks + 1
        self.is_busy = is_at_work or (self.is_busy and self._quiet_looks < _QUIET_LOOKS)

    def _measured(self) -> LoadSample:
        """One look; a lost session is replaced once."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                return sample(self._connection)
            self._connection.close()
        try:
            self._connection = self._connect()
            return sample(self._connection)
        except psycopg.Error as error:
            raise UnreadableError(
                f"the {self._side} does not say how busy it is: {describe_error(error)}"
            ) from error

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            start = monotonic()
            self._interrupted.wait(seconds)
            self.held_back_seconds += monotonic() - start
