"""Test that the ledgers end when they are told to, although clients never pause."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from ledger.rig import Rig


@contextmanager
def never_pausing(dsn: str) -> Iterator[threading.Event]:
    """Write all the time, each write before the slot has been silent for long."""
    ended, written = threading.Event(), threading.Event()

    def write() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("update app.a set v = v where id = 1")
                written.set()
                ended.wait(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    written.wait(20)
    try:
        yield written
    finally:
        ended.set()
        thread.join()


def test_a_run_ends_beside_a_client_that_never_pauses(rig: Rig) -> None:
    rig.begin()
    stop = threading.Event()
    with never_pausing(rig.databases.source):
        run = threading.Thread(target=rig.now.run, args=(stop.is_set, lambda _: stop.set()))
        run.start()
        run.join(20)
        is_running = run.is_alive()
    run.join()
    assert not is_running, "the reader waits for a silence that never comes"
