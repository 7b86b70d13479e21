"""Throttles the comparison while other sessions use the server.

While other sessions are active, it runs one query at a time and sleeps between queries, so that the
average use stays at `load` backends. It sleeps while no snapshot of ours is open, because a server
whose rows change fast suffers more from an old snapshot than from a busy backend. An idle server is
read at full speed. The load is sampled once a second, and for longer before the first query, by the
transactions that complete, which every role may see, and by active sessions, where the role may see
them: single samples of sessions would often miss short statements. For the same reason a busy
server counts as idle only after several quiet samples.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, RLock
from time import monotonic

import psycopg

from pgcutover.compare.throttle.server_load import LoadLimits, LoadSample, exceeded, sample
from pgcutover.connect import COUNTS, Connection
from pgcutover.error_texts.database_errors import unreadable
from pgcutover.errors import UnreadableError

SAMPLE_SECONDS = 1.0
_FIRST_SAMPLES = 15
_BETWEEN = 0.1  # of SAMPLE_SECONDS, between the first samples
BUSY_TRANSACTIONS_PER_SECOND = 5.0
_QUIET_SAMPLES = 3  # in a row, before a busy server counts as idle
PAUSE_SECONDS = 2.0


class Governor:
    """Throttles all sessions of one side; shared by threads."""

    def __init__(
        self,
        side: str,
        connect: Callable[[], Connection],
        limits: LoadLimits,
        patience_seconds: float,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open nothing yet; `connect` opens a watching session, `say` reports pauses."""
        self._side, self._connect, self._limits = side, connect, limits
        self._patience_seconds, self._say = patience_seconds, say
        self._connection: Connection | None = None
        self._lock, self._interrupted = RLock(), Event()
        self._last: tuple[float, LoadSample] | None = None
        self._debt_seconds = 0.0
        self._reason = ""
        self._own_begun = 0
        self._own_uncounted = 0  # the server counts a transaction up to some seconds later
        self._quiet_samples = 0
        self.is_busy = False
        self._is_suspended = False
        self.throttled_seconds = 0.0
        self.pauses = 0

    @contextmanager
    def throttled(self) -> Iterator[None]:
        """Run one query; while other sessions are active, its time adds to the time to sleep."""
        if self._is_unlimited:
            yield
            return
        self._sample_if_due()
        if not self.is_throttled:
            yield
            return
        with self._lock:
            start = monotonic()
            yield
            self._debt_seconds += (monotonic() - start) * (1 / self._limits.load - 1)

    def suspend(self, *, is_suspended: bool = True) -> None:
        """Throttle nothing, for as long as clients wait for us; end a sleep at once."""
        self._is_suspended = is_suspended
        if is_suspended:
            self.interrupt()

    @property
    def _is_unlimited(self) -> bool:
        return self._is_suspended or self._limits.are_unset

    @property
    def is_throttled(self) -> bool:
        """Return whether other sessions are active and the load is limited."""
        return self.is_busy and self._limits.load < 1

    @property
    def should_release_snapshot(self) -> bool:
        """Return whether the snapshot should end as soon as possible."""
        return self.is_throttled or bool(self._reason)

    def sleep_off(self) -> None:
        """Sleep off the accumulated time, and wait while a limit is exceeded."""
        if self._is_unlimited:
            return
        owed, self._debt_seconds = self._debt_seconds, 0.0
        self._sleep(owed)
        self.pause()

    def pause(self) -> None:
        """Wait while a limit is exceeded; UnreadableError when that takes too long."""
        if self._is_unlimited:
            return
        self._sample_if_due()
        if self._reason:
            self._pause()

    def interrupt(self) -> None:
        """Wake all threads that sleep, so that they can end."""
        self._interrupted.set()

    def begin(self) -> None:
        """Let the threads sleep again, at the beginning of a snapshot."""
        self._interrupted.clear()

    def close(self) -> None:
        """Close the governor's session."""
        if self._connection is not None:
            self._connection.close()

    def _sample_if_due(self) -> None:
        with self._lock:
            if self._last is not None and monotonic() - self._last[0] < SAMPLE_SECONDS:
                return
            if self._last is None:
                self._sample_for_a_while()
            load_sample = self._sample()
            self._reason = exceeded(load_sample, self._limits)
            self._judge(load_sample)

    def _sample_for_a_while(self) -> None:
        """Sample until other sessions are seen: queries before that are not throttled.

        Servers count their transactions about once a second (PostgreSQL 17, 27.2 "Statistics").
        """
        self._judge(self._sample())
        for _ in range(_FIRST_SAMPLES if self._limits.load < 1 else 0):
            if self.is_busy:
                break
            self._interrupted.wait(SAMPLE_SECONDS * _BETWEEN)
            self.is_busy = bool(self._sample().active_sessions)

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
            self._reason = exceeded(self._sample(), self._limits)

    def _judge(self, load_sample: LoadSample) -> None:
        """Decide whether other sessions are active, from this sample and the one before."""
        now, last = monotonic(), self._last
        self._last = now, load_sample
        is_active = bool(load_sample.active_sessions)
        own = self._count_own()
        if last is None:
            self.is_busy = is_active
            return
        counted = max(0, load_sample.transactions - last[1].transactions)  # reset statistics are 0
        theirs = counted - own - self._own_uncounted
        self._own_uncounted = max(0, -theirs)
        rate = theirs / max(now - last[0], 0.001)
        is_at_work = is_active or rate > BUSY_TRANSACTIONS_PER_SECOND
        self._quiet_samples = 0 if is_at_work else self._quiet_samples + 1
        self.is_busy = is_at_work or (self.is_busy and self._quiet_samples < _QUIET_SAMPLES)

    def _count_own(self) -> int:
        """Return the transactions that this run has begun on the server since the last call.

        The sample is taken before, so that it holds none that is not in this number.
        """
        before = self._own_begun
        if self._connection is not None:
            self._own_begun = COUNTS.total(self._connection.info)
        return self._own_begun - before

    def _sample(self) -> LoadSample:
        """Sample the load; a lost session is replaced once."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                return sample(self._connection)
            self._connection.close()
        try:
            self._connection = self._connect()
            return sample(self._connection)
        except psycopg.Error as error:
            raise unreadable(self._side, "load of the server", error) from error

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            start = monotonic()
            self._interrupted.wait(seconds)
            self.throttled_seconds += monotonic() - start
