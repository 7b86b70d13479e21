"""Each safeguard of the proof is needed: without it, tables that differ are called equal.

In every scenario a row differs at the end. The proof must not pass; with the safeguard taken out it
does.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from time import monotonic

import psycopg
import pytest
from ledger.rig import Rig

from pgcutover.compare.snapshots import Taken
from pgcutover.errors import PgCutoverError
from pgcutover.ledger import coverage
from pgcutover.ledger.model import Compared
from pgcutover.ledger.reading import reader, slot
from pgcutover.ledger.reading.changes import ChangeReader
from pgcutover.ledger.store import FILE, Store
from pgcutover.pgoutput.messages import parse_lsn
from pgcutover.pgoutput.streaming import Streamed
from pgcutover.sides import Sides
from pgcutover.verdict import Verdict

CHANGE = "update app.a set v = 'changed' where id = 7"


@contextmanager
def waiting_commit(rig: Rig) -> Iterator[None]:
    """A transaction whose commit is in the WAL, and which no snapshot sees until the end."""
    rig.run("source", "alter system set synchronous_standby_names = 'nobody'")
    rig.run("source", "select pg_reload_conf()")
    with psycopg.connect(rig.databases.source, autocommit=True) as other:
        pid = other.info.backend_pid
        other.pgconn.send_query(b"set synchronous_commit = on; " + CHANGE.encode())
        try:
            with psycopg.connect(rig.databases.source, autocommit=True) as watch:
                waits = "select wait_event from pg_stat_activity where pid = %s"
                while watch.execute(waits, [pid]).fetchone() != ("SyncRep",):
                    pass
                watch.execute("set synchronous_commit = off")
                watch.execute("select txid_current()")
            yield
        finally:
            with psycopg.connect(rig.databases.source, autocommit=True) as watch:
                watch.execute("alter system reset synchronous_standby_names")
                watch.execute("select pg_reload_conf()")
                watch.execute("select pg_cancel_backend(%s)", [pid])
            while other.pgconn.get_result() is not None:
                pass


def commit_that_is_not_visible_yet(rig: Rig) -> None:
    with waiting_commit(rig):
        while not rig.now.store.fetch("select 1 from change"):
            rig.now.read_once()
        assert rig.compare() == {}


def subtransaction_whose_parent_runs(rig: Rig) -> None:
    name = rig.databases.name
    rig.run("source", f"alter database {name} set logical_decoding_work_mem = '64kB'")
    rig.open()
    with psycopg.connect(rig.databases.source) as parent:
        parent.execute("select txid_current()")
        with parent.transaction():
            parent.execute("insert into app.b select 'sub', n, n from generate_series(1, 3000) n")
        rig.run("source", "select txid_current()")
        while len(rig.now.store.fetch("select 1 from change limit 900")) < 900:
            rig.now.read_once()
        streamed = len(rig.now.store.fetch("select key from change"))
        assert rig.compare() == {}
    # the rows that were sent after the comparison reach the target, those before do not
    rest = f"select 'sub', n, n from generate_series({streamed + 1}, 3000) n"
    rig.run("target", f"insert into app.b {rest}")


def snapshot_of_a_standby(rig: Rig) -> None:
    """A standby lists no running transactions; the one that changes the row runs."""
    with psycopg.connect(rig.databases.source) as running:
        running.execute(CHANGE)
        rig.run("source", "select txid_current()")
        current = running.execute("select txid_current_snapshot()::text").fetchone()
        taken = rig.now._parts.comparer.begin_keys()
        rig.now._parts.comparer.end_keys()
        _, xmax, _ = str((current or ("",))[0]).split(":")
        standby = replace(taken.source, snapshot=f"{xmax}:{xmax}:", in_recovery=True)
        sides: Sides[Taken] = Sides(standby, taken.target)
        running.commit()
    rig.now.drain(monotonic() + 30)
    compared = Compared("app.a", sides, sides)
    fingerprints = rig.now._fingerprints("app.a")
    coverage.record_comparison(rig.now.store, compared, fingerprints)


def slot_that_was_made_again(rig: Rig) -> None:
    rig.close()
    rig.run(
        "target",
        f"select pg_drop_replication_slot('{rig.slot}')",
        CHANGE,
        f"select pg_create_logical_replication_slot('{rig.slot}', 'pgoutput')",
    )
    rig.open()


def server_that_was_restored(rig: Rig) -> None:
    """Another history of the server, whose slot happens to be at a position that was recorded."""
    rig.close()
    rig.run("source", CHANGE)
    with psycopg.connect(rig.databases.source, autocommit=True) as connection:
        moved = connection.execute(
            "select end_lsn::text from pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())",
            [rig.slot],
        ).fetchone()
    position = parse_lsn(str((moved or ("",))[0]))
    with closing(Store(rig.folder / FILE)) as store, store.transaction() as database:
        database.execute("insert into position values (0, ?)", [position])
        database.execute(
            "update side set timeline = timeline + 1, position = ? where side = 0", [position]
        )
    rig.open()


def rogue_writer_on_the_target(rig: Rig) -> None:
    rig.run("target", CHANGE)


def lsn_instead_of_visibility(patch: pytest.MonkeyPatch) -> None:
    """Everything recorded has a position before that of a later comparison's snapshot."""
    patch.setattr(
        coverage,
        "_register",
        lambda database, _: database.create_function("covered", 2, lambda *_: True),
    )


def ids_of_subtransactions(patch: pytest.MonkeyPatch) -> None:
    take = ChangeReader._take

    def take_sub(self: ChangeReader, message: object) -> None:
        if isinstance(message, Streamed):
            self._xid = self._widen(message.xid)
        take(self, message)  # type: ignore[arg-type]

    patch.setattr(ChangeReader, "_take", take_sub)


def any_server(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(coverage, "require_primary", lambda *_: None)


def any_slot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader, "describe_identity_fault", lambda *_: "")
    patch.setattr(slot, "describe_identity_fault", lambda *_: "")


def any_timeline(patch: pytest.MonkeyPatch) -> None:
    honest = slot.describe_identity_fault

    def lenient(label, state, positions, server, found):  # type: ignore[no-untyped-def]
        return honest(label, state, positions, replace(server, timeline=state.timeline), found)

    patch.setattr(reader, "describe_identity_fault", lenient)
    patch.setattr(slot, "describe_identity_fault", lenient)


def no_ledger_of_the_target(patch: pytest.MonkeyPatch) -> None:
    honest = Store.record_changes

    def record(self, label, changes, whole=(), position=None, aborted=()):  # type: ignore[no-untyped-def]
        kept = changes if label == "source" else ()
        honest(self, label, kept, whole, position, aborted)

    patch.setattr(Store, "record_changes", record)


CASES = [
    (commit_that_is_not_visible_yet, lsn_instead_of_visibility),
    (subtransaction_whose_parent_runs, ids_of_subtransactions),
    (snapshot_of_a_standby, any_server),
    (slot_that_was_made_again, any_slot),
    (server_that_was_restored, any_timeline),
    (rogue_writer_on_the_target, no_ledger_of_the_target),
]


def verdict_after(rig: Rig, scenario: Callable[[Rig], None]) -> Verdict:
    try:
        scenario(rig)
        return rig.prove().verdict
    except PgCutoverError:
        return Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("scenario", "mutation"), CASES, ids=[scenario.__name__ for scenario, _ in CASES]
)
def test_the_proof_needs_each_of_its_safeguards(
    shared: Rig,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Callable[[Rig], None],
    mutation: Callable[[pytest.MonkeyPatch], None],
) -> None:
    shared.begin()
    assert verdict_after(shared, scenario) is not Verdict.PASS
    shared.begin()
    mutation(monkeypatch)
    assert verdict_after(shared, scenario) is Verdict.PASS
