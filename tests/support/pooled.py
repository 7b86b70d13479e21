"""An application that writes through a pooler, and the state of the pooler's server sessions."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from support.pgbouncer import pgbouncer

from pgcutover.connect import opening

SIZE = 6
# excludes the settings that PgBouncer itself restores for each client
_STATE = """
select pg_backend_pid(), session_user = current_user,
       (select count(*) from pg_prepared_statements),
       (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
       (select string_agg(name || '=' || setting, ' ' order by name) from pg_settings
        where source = 'session')
"""


@dataclass
class Application:
    """Write continuously through the pool, as the gate's role."""

    dsn: str
    written: int = 0
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        with psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None) as connection:
            while not self._stop.is_set():
                try:
                    connection.execute("insert into app_log default values")
                    self.written += 1
                except psycopg.Error as error:
                    self.failed.append(str(error))
                self._stop.wait(0.005)

    def wait_for_writes(self, count: int) -> None:
        until = self.written + count
        while self.written < until and not self.failed:
            self._stop.wait(0.01)

    @contextmanager
    def working(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.work) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def sessions_of_the_pool(dsn: str) -> dict[int, tuple[object, ...]]:
    """Return the state of every server session; SIZE concurrent transactions use them all."""
    with ExitStack() as stack:
        clients = [stack.enter_context(psycopg.connect(dsn)) for _ in range(SIZE)]
        return {
            pid: tuple(state)
            for pid, *state in (client.execute(_STATE).fetchone() for client in clients)
        }


@contextmanager
def production(dsn: str, mode: str) -> Iterator[str]:
    """Yield the pooled DSN of a database with a writing application; check for leftovers."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "create table app_log (id int8 generated always as identity primary key)"
        )
    with pgbouncer(dsn, mode, SIZE) as pooled:
        before = set() if mode == "statement" else set(sessions_of_the_pool(pooled).values())
        application = Application(pooled)
        with application.working():
            yield pooled
            application.wait_for_writes(20)
        assert application.failed == []
        if mode != "statement":  # which knows no transaction, so that nothing can be held
            after = sessions_of_the_pool(pooled)
            assert len(after) == SIZE
            assert set(after.values()) == before


@pytest.fixture
def unrefused(monkeypatch) -> None:
    """The connection type without the check that refuses a pooler."""
    monkeypatch.setattr(opening, "refuse_pooler", lambda connection, dsn: None)
