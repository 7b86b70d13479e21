"""The write freeze: one transaction that locks every table, and ends in a fence or a rollback.

1. `prepare`: SHARE UPDATE EXCLUSIVE on every table. Writers go on; autovacuum is evicted, which
   otherwise holds off a short lock_timeout for ever; no vacuum or DDL begins.
2. `lock`: SHARE with a short timeout, tried again a few times. Writers wait. Once granted, every
   writer of these tables has ended, prepared transactions included.
3. `fence_and_commit` or `rollback`.

The server ends the transaction when its session is idle for the budget: its setting holds until
COMMIT, also when this process is dead or the network is cut.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import uniform
from time import monotonic, sleep
from typing import Protocol

import psycopg

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import FreezeError, PgCutoverError, UnreadableError
from pgcutover.freeze.deadline import deadline
from pgcutover.freeze.fence import create_fence, inspect_fence
from pgcutover.freeze.lock_session import Granted, LockSession
from pgcutover.freeze.queue_watch import QueueWatch
from pgcutover.freeze.relations import LockedRelation, read_relations
from pgcutover.freeze.writers import Writers, list_writers
from pgcutover.mapping import RelationName
from pgcutover.text.words import count_noun

_PREPARED_IDLE_SECONDS = 60.0
_GIVEN_UP = (
    "the locks were given up, because a statement that needs ACCESS EXCLUSIVE, such as ALTER "
    "TABLE or TRUNCATE, waited behind them"
)


@dataclass(frozen=True, slots=True)
class FreezeOptions:
    """Times of a freeze; migration.toml's section [freeze] describes them.

    `may_pass` are roles whose sessions have session_replication_role = replica on purpose.
    """

    budget_seconds: float = 5.0
    lock_timeout_seconds: float = 0.2
    tries: int = 5
    prepare_timeout_seconds: float = 15.0
    may_pass: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """A granted lock: the tries, their time, that of the granted attempt, and the position.

    Changes up to `lsn` are all that the source's tables get; `snapshot` is of the same moment.
    `given_up` counts the locks that were released for an ACCESS EXCLUSIVE request.
    """

    tries: int
    waited_seconds: float
    lock_seconds: float
    lsn: str
    snapshot: str
    given_up: int


@dataclass(slots=True)
class PoolerHooks:
    """The mode `hook`: calls that stop and start a pooler's clients; they end by timeouts."""

    pause: Callable[[], object]
    resume: Callable[[], object]
    is_paused: bool = False


class Holder(Protocol):
    """Sessions that lock the tables for reading, so that queued DDL does not lock them out."""

    def hold(self) -> None:
        """Lock the tables for reading."""

    def release(self) -> None:
        """Let go of these locks."""


class _State(Enum):
    IDLE = "idle"
    PREPARED = "prepared"
    LOCKED = "locked"
    FENCED = "fenced"


class Freeze:
    """The freeze of one database; `connect` opens a session that writes, `watch` one that reads.

    Methods raise FreezeError where there is no freeze; then clients write as before.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        watch: Callable[[], Connection],
        tables: Sequence[RelationName],
        options: FreezeOptions | None = None,
        without: Sequence[RelationName] = (),
        pooler: PoolerHooks | None = None,
        holder: Holder | None = None,
    ) -> None:
        """Keep the names; no connection is opened yet."""
        self.options = options or FreezeOptions()
        self.relations: tuple[LockedRelation, ...] = ()
        self.result: FreezeResult | None = None
        self._connect, self._connect_watch = connect, watch
        self._tables, self._without, self._pooler = tables, without, pooler
        self._holder, self._is_held = holder, False
        self._session: LockSession | None = None
        self._watch: QueueWatch | None = None
        self._mutex = threading.RLock()
        self._state, self._given_up, self._begun = _State.IDLE, 0, 0.0

    def __enter__(self) -> "Freeze":
        """Return the freeze; nothing is locked yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Roll back unless the fence was committed, and close the session."""
        self.rollback()
        self.resume()
        if self._session is not None:
            self._session.connection.close()

    @property
    def is_locked(self) -> bool:
        """Return whether writers wait, as far as this process knows; `verify` asks the server."""
        return self._state is _State.LOCKED

    @property
    def seconds_left(self) -> float:
        """Return the rest of the budget since writers wait; the whole one before."""
        spent = monotonic() - self._begun if self._begun else 0.0
        return self.options.budget_seconds - spent

    @property
    def backend_pid(self) -> int | None:
        """Return the process id of the session that holds the locks."""
        return self._session.connection.info.backend_pid if self._session else None

    def prepare(self) -> None:
        """Lock out vacuum and DDL; FreezeError names the session that holds a table."""
        if self._state is not _State.IDLE:
            return
        session, wait_seconds = self._open_session(), self.options.prepare_timeout_seconds
        watching = False
        try:
            session.begin(wait_seconds, _PREPARED_IDLE_SECONDS)
            self.relations = self._read_relations(session)
            self._start_watch()
            watching = True
            session.lock_out_vacuum_and_ddl(self.relations, wait_seconds)
            if self._read_relations(session) != self.relations:
                raise FreezeError("a partition was added or removed meanwhile; try again")
            with self._mutex:
                if self._watch is None:
                    raise FreezeError(_GIVEN_UP)
                self._hold()
                self._state = _State.PREPARED
        except (PgCutoverError, psycopg.Error) as error:
            given_up = watching and self._watch is None
            self.rollback()
            raise FreezeError(_GIVEN_UP if given_up else _describe(error)) from error

    def lock(self) -> FreezeResult:
        """Make writers wait; after the last try, FreezeError names a session that holds a table."""
        started, error = monotonic(), FreezeError(_GIVEN_UP)
        self._pause()
        for tries in range(1, self.options.tries + 1):
            try:
                granted = self._try_lock()
            except FreezeError as refused:
                error = refused
                if self._pooler and monotonic() - started > self.options.budget_seconds:
                    break
                # writers that queued behind the try go on in this time
                sleep(uniform(0.5, 1) * self.options.lock_timeout_seconds)  # noqa: S311
                continue
            # a pooler's clients have waited since the pause
            self._begun = granted.begun if self._pooler is None else started
            self.result = FreezeResult(
                tries,
                granted.begun - started,
                monotonic() - granted.begun,
                granted.lsn,
                granted.snapshot,
                self._given_up,
            )
            return self.result
        self.rollback()
        tried = count_noun(tries, "try", "tries")
        raise FreezeError(f"no freeze after {tried}, writers go on: {error}") from error

    def verify(self) -> None:
        """Raise FreezeError unless the server still holds the lock for this freeze."""
        connection = self._locked().connection
        try:
            with deadline(connection, self.options.budget_seconds):
                connection.execute("select 1")
        except psycopg.Error as error:
            self.rollback()
            raise FreezeError(self._ended(error)) from error

    def fence_and_commit(self, before_commit: Callable[[Writers], None]) -> Writers:
        """Create the fence, prove it, call `before_commit`, commit; return who may still write.

        FreezeError where a login role that is no superuser could still write; then all is rolled
        back. After an error of the commit itself, inspect_fence() tells whether it took effect.
        """
        session = self._locked()
        try:
            with deadline(session.connection, self.options.budget_seconds):
                writers = self._fence(session.connection)
            before_commit(writers)
        except (psycopg.Error, UnreadableError) as error:
            self.rollback()
            raise FreezeError(self._ended(error)) from error
        except BaseException:
            self.rollback()
            raise
        self._commit(session)
        return writers

    def rollback(self) -> None:
        """Release the locks; without effect after the fence was committed.

        A pooler's clients stay paused until resume(), which the end of the freeze calls.
        """
        with self._mutex:
            self._stop_watch()
            if self._state is _State.FENCED:
                return
            self._state = _State.IDLE
            if self._session is not None:
                self._session.rollback()
            self._release()

    def resume(self) -> None:
        """Let a pooler's clients go on; without effect unless they were paused."""
        if self._pooler is not None and self._pooler.is_paused:
            self._pooler.resume()
            self._pooler.is_paused = False

    def _hold(self) -> None:
        if self._holder is not None:
            self._is_held = True  # also where it fails half-way
            self._holder.hold()

    def _release(self) -> None:
        if self._holder is not None and self._is_held:
            self._is_held = False
            self._holder.release()

    def _pause(self) -> None:
        if self._pooler is None:
            return
        self._pooler.is_paused = True  # also where it fails half-way
        try:
            self.prepare()
            self._pooler.pause()
        except BaseException:
            self.rollback()
            raise

    def _open_session(self) -> LockSession:
        if self._session is None or self._session.connection.closed:
            self._session = LockSession(self._connect)
        return self._session

    def _read_relations(self, session: LockSession) -> tuple[LockedRelation, ...]:
        return read_relations(session.connection, self._tables, self._without)

    def _locked(self) -> LockSession:
        if self._state is not _State.LOCKED or self._session is None:
            raise FreezeError("the tables are not locked; call lock() first")
        return self._session

    def _try_lock(self) -> Granted:
        self.prepare()
        with self._mutex:
            if self._state is not _State.PREPARED or self._session is None:
                raise FreezeError(_GIVEN_UP)
            options = self.options
            try:
                found = self._session.lock_out_writers(
                    self.relations, options.lock_timeout_seconds, options.budget_seconds
                )
            except FreezeError:
                if self._session.connection.closed:
                    self.rollback()
                raise
            self._state = _State.LOCKED
            self._stop_watch()
            return found

    def _fence(self, connection: Connection) -> Writers:
        create_fence(connection, self.relations)
        state = inspect_fence(connection, self.relations)
        writers = list_writers(connection, self.relations, self.options.may_pass)
        if not state.is_complete or writers.unfenced:
            names = [*map(str, (*state.open, *state.altered)), *writers.unfenced]
            raise FreezeError(
                f"the fence does not stop every writer: {', '.join(names[:3])}; nothing is switched"
            )
        return writers

    def _commit(self, session: LockSession) -> None:
        try:
            session.commit()
        except psycopg.Error as error:
            self.rollback()
            raise FreezeError(
                f"the commit of the fence failed: {describe_error(error)}; it may have taken "
                "effect: inspect the fence before anything else"
            ) from error
        self._state = _State.FENCED

    def _ended(self, error: Exception) -> str:
        return (
            f"the freeze has ended: {_describe(error)}; writers go on at the source, and "
            "nothing is switched"
        )

    def _start_watch(self) -> None:
        oids = [r.oid for r in self.relations]
        self._watch = QueueWatch(self._connect_watch, oids, self._give_up)
        self._watch.start()

    def _stop_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _give_up(self, watch: QueueWatch) -> None:
        """Release the locks for a request that queues; called by the watch."""
        session = self._session
        if session is None or self._watch is not watch or self._state is _State.LOCKED:
            return
        if self._state is _State.IDLE:  # prepare() waits for a table
            self._given_up += 1
            self._watch = None
            session.cancel()
            return
        with self._mutex:
            if self._watch is watch and self._state is _State.PREPARED:
                self._given_up += 1
                self.rollback()


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, PgCutoverError) else describe_error(error)
