"""Kills readers of a slot between fetch, commit and confirmation; prints the keys that were lost.

    python killed_readers.py READER RUNS SEED FOLDER < DSN

READER is `stream` (the ledger's own) or `get`, which reads with pg_logical_slot_get_binary_changes.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg

from pgcutover.connect import open_owner
from pgcutover.ledger.reading import slot
from pgcutover.ledger.reading.changes import ChangeReader, key_text
from pgcutover.ledger.reading.reader import SlotReader
from pgcutover.ledger.store import Store
from pgcutover.mapping import RelationName

SLOT = f"killed_{os.getpid()}"
ROOTS = {RelationName("public", "killed"): "public.killed"}
KEYS = {"public.killed": ("id",)}


def read_by_stream(dsn: str, store: Store, hit: Callable[[str], None]) -> None:
    reader = SlotReader("source", dsn, store, ROOTS, KEYS)
    reader.before_record = lambda: hit("fetched")
    record = store.record_changes

    def recorded(*arguments: object) -> None:
        record(*arguments)  # type: ignore[arg-type]
        hit("committed")

    store.record_changes = recorded  # type: ignore[method-assign, assignment]
    reader.read(0.02)
    hit("confirmed")
    reader.close()


def read_by_get(dsn: str, store: Store, hit: Callable[[str], None]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("select 'public.killed'::regclass::oid::int8").fetchone()
        oid = found[0] if found else 0
        changes = ChangeReader(KEYS, {oid: "public.killed"}.get, 0)
        rows = connection.execute(
            "select data from pg_logical_slot_get_binary_changes(%s, null, null,"
            " 'proto_version', '1', 'publication_names', %s)",
            [SLOT, SLOT],
            binary=True,
        )
        for (data,) in rows:
            changes.read(bytes(data))
    hit("fetched")
    batch = changes.take_batch()
    store.record_changes("source", [*batch.changes], batch.whole, batch.position)
    hit("committed")


READERS = {"stream": read_by_stream, "get": read_by_get}


def in_child(work: Callable[[], None]) -> bool:
    """Run in a child process; return whether it was killed."""
    if os.fork() == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(9)
    _, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), status
    return code != 0


def main(reader: str, runs: int, seed: int, folder: Path) -> int:
    dsn, choose = sys.stdin.read(), random.Random(seed)  # noqa: S311 - a test's own choice
    path, written, killed = folder / f"{reader}.sqlite", 0, 0
    with open_owner(dsn) as owner:
        owner.execute("create table if not exists public.killed (id int primary key)")
        owner.execute("truncate public.killed")
        slot.publish(owner, SLOT, [*ROOTS])
        store = Store(path)
        store.begin_side("source", slot.create_slot(owner, "source", SLOT, 30))
        store.close()
        for _ in range(runs):
            rows = choose.randint(1, 30)
            owner.execute(
                "insert into public.killed select generate_series(%s::int, %s::int)",
                [written, written + rows],
            )
            written += rows + 1
            point, count = (
                choose.choice(["fetched", "committed", "confirmed"]),
                choose.randint(1, 2),
            )
            hits = {point: count}

            def hit(at: str, hits: dict[str, int] = hits) -> None:
                hits[at] = hits.get(at, 0) - 1
                if hits[at] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            killed += in_child(lambda hit=hit: READERS[reader](dsn, Store(path), hit))  # type: ignore[misc]
        in_child(lambda: READERS[reader](dsn, Store(path), lambda _: None))
        owner.execute("select pg_drop_replication_slot(%s)", [SLOT])
    found = {key for (key,) in Store(path).fetch("select key from change")}
    lost = {key_text([str(n)]) for n in range(written)} - found
    sys.stdout.write(json.dumps({"written": written, "lost": len(lost), "killed": killed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
