"""Each step of the protocol is needed: without it, an empty outbox hides a difference.

Every scenario is one fixed interleaving. As the relay is, both sides are equal in the end; with the
step taken out they are not, although no entry is left.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
import pytest
from outbox.rig import Rig

from pgcutover.outbox.floor import Floor
from pgcutover.outbox.model import BARRIER
from pgcutover.outbox.relay import Relay
from pgcutover.outbox.source import Batch, Entry, SourceSide
from pgcutover.outbox.target import TargetSide
from pgcutover.sides import Sides

FIRST = "insert into app.readings values (1, '2026-01-05', 1)"
SECOND = "update app.readings set v = 2 where id = 1"
Patch = pytest.MonkeyPatch


def at(relay: Relay, step: str, act: Callable[[], object]) -> None:
    """Act once, when the relay has done a step."""
    done: list[bool] = []

    def hook(name: str) -> None:
        if name == step and not done:
            done.append(True)
            act()

    relay.hook = hook


def second_write_during(rig: Rig, step: str) -> None:
    """While a relay has a row in hand, the row changes and another relay looks at it."""
    rig.source(FIRST)
    with rig.relay() as one, rig.relay() as two:
        at(one, step, lambda: (rig.source(SECOND), two.run_once()))
        one.run_once()


def overtaken(rig: Rig) -> None:
    second_write_during(rig, "rows")


def written_again_before_the_deletion(rig: Rig) -> None:
    rig.source(FIRST)
    with rig.relay() as one:
        at(one, "committed", lambda: rig.source(SECOND))
        one.run_once()


def changed_between_both_reads(rig: Rig) -> None:
    rig.source(FIRST)
    with rig.relay() as one:
        at(one, "rows", lambda: rig.source(SECOND))
        one.run_once()


def target_lost_before_commit(rig: Rig) -> None:
    rig.source(FIRST)
    with rig.relay() as one, suppress(psycopg.OperationalError):
        pid = one.target.connection.info.backend_pid
        at(one, "written", lambda: rig.target(f"select pg_terminate_backend({pid}, 5000)"))
        one.run_once()


def source_session_lost(rig: Rig) -> None:
    rig.source(FIRST)
    with rig.relay() as one, rig.relay() as two, suppress(psycopg.OperationalError):
        ended = (
            f"application_name = 'pgcutover' and pid <> {two.source.connection.info.backend_pid}"
        )
        holders = f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {ended}"
        here = " and datname = current_database() and pid in (select pid from pg_locks where"
        advisory = f"{holders}{here} locktype = 'advisory')"
        at(one, "rows", lambda: (rig.source(advisory, SECOND), two.run_once()))
        one.run_once()


def came_back_during_a_barrier(rig: Rig) -> None:
    rig.source(FIRST)
    rig.drain()
    rig.source("truncate app.readings")
    with rig.relay() as one, rig.relay() as two:
        buckets = range(BARRIER)
        at(one, "rows", lambda: (rig.source(FIRST), two._settle_buckets(buckets)))
        one._settle_truncated()


def row_moves_to_another_partition(rig: Rig) -> None:
    rig.source(FIRST)
    rig.drain()
    rig.source("update app.readings set day = '2026-05-05'")


def trigger_of_the_target(rig: Rig) -> None:
    rig.source("insert into app.people (id) values (1)")


def key_in_the_text_of_a_client(rig: Rig) -> None:
    row = "'2026-02-03 12:00', 0.1::float8 + 0.2, 1"
    rig.source(f"set extra_float_digits = 0; insert into app.stamps values ({row})")


def row_hidden_by_a_policy(rig: Rig) -> None:
    role = f"reader_{rig.databases.name}"
    rig.source(FIRST)
    rig.drain()
    rig.source(
        f"create role {role} login password 'x'; grant usage on schema pgcutover, app to {role};"
        f" grant all on all tables in schema pgcutover, app to {role};"
        f" grant select on all sequences in schema pgcutover to {role};"
        " alter table app.readings enable row level security",
        SECOND,
    )
    try:
        dsns = rig.dsns
        seen = Sides(f"{dsns.source} user={role} password=x", dsns.target)
        with rig.relay(seen) as one:
            one.run_once()
    except psycopg.errors.InsufficientPrivilege as error:
        if "row-level security" not in str(error):
            raise
    finally:
        rig.source(
            "alter table app.readings disable row level security",
            f"drop owned by {role}; drop role {role}",
        )


def lock_nothing(patch: Patch) -> None:
    """As `for update skip locked` on entries does: it locks an event, not a key."""
    patch.setattr(TargetSide, "try_locks", lambda self, buckets: [*buckets])


def lock_on_the_source(patch: Patch) -> None:
    def lock(self: Relay, buckets: Sequence[int]) -> list[int]:
        self.target.begin()
        self.keeper = psycopg.connect(  # type: ignore[attr-defined]
            self.source.connection.info.dsn, application_name="pgcutover", autocommit=True,
            password=self.source.connection.info.password,
        )  # fmt: skip
        query = b"select b from unnest(%s::int[]) b where pg_try_advisory_lock(7, b)"
        return [b for (b,) in self.keeper.execute(query, [[*buckets]])]  # type: ignore[attr-defined]

    patch.setattr(Relay, "lock", lock)


def lock_after_the_reads(patch: Patch) -> None:
    read, lock = Relay.read, Relay.lock

    def read_then_lock(self: Relay, entries: Sequence[Entry]) -> Batch:
        batch = read(self, entries)
        lock(self, [entry.bucket for entry in entries])
        return batch

    patch.setattr(Relay, "lock", lambda self, buckets: [*buckets] if self.target.begin() else [])
    patch.setattr(Relay, "read", read_then_lock)


def delete_by_key(patch: Patch) -> None:
    def delete(self: SourceSide, entries: Sequence[Entry], done: object = ()) -> None:
        with self.connection.transaction():
            for entry in entries:
                self.connection.execute(
                    "delete from pgcutover.outbox where (relation, key) = (%s, %s)",
                    [entry.relation, [*(entry.key or ())]],
                )

    patch.setattr(SourceSide, "delete", delete)


def read_rows_first(patch: Patch) -> None:
    """The entries of a later snapshot than the rows are deleted."""

    def read(self: Relay, entries: Sequence[Entry]) -> Batch:
        batch = self._read_keys(Batch([*entries]).keys())
        buckets = sorted({entry.bucket for entry in entries})
        entries[:] = batch.entries = self.source.read_entries(buckets, 500)  # type: ignore[index]
        return batch

    patch.setattr(Relay, "read", read)


def delete_before_commit(patch: Patch) -> None:
    park = Relay._park

    def delete_too(self: Relay, failed: Any, entries: Sequence[Entry]) -> None:
        park(self, failed, entries)
        self.source.delete(entries)

    patch.setattr(Relay, "_park", delete_too)


def no_locks_of_a_barrier(patch: Patch) -> None:
    patch.setattr(TargetSide, "wait_locks", lambda self, buckets: None)


def keep_rows_of_another_target_key(patch: Patch) -> None:
    patch.setattr(TargetSide, "_delete_moved", lambda *_: None)


def fire_triggers(patch: Patch) -> None:
    patch.setattr(TargetSide, "begin", lambda self: True)


def read_as_policies_allow(patch: Patch) -> None:
    from pgcutover.outbox import source

    patch.setitem(source.PINNED, "row_security", "on")


CASES = [
    (overtaken, lock_nothing),
    (overtaken, lock_after_the_reads),
    (source_session_lost, lock_on_the_source),
    (written_again_before_the_deletion, delete_by_key),
    (changed_between_both_reads, read_rows_first),
    (target_lost_before_commit, delete_before_commit),
    (came_back_during_a_barrier, no_locks_of_a_barrier),
    (row_moves_to_another_partition, keep_rows_of_another_target_key),
    (trigger_of_the_target, fire_triggers),
    (row_hidden_by_a_policy, read_as_policies_allow),
]


@pytest.mark.parametrize(
    ("scenario", "mutation"), CASES, ids=[f"{s.__name__}-{m.__name__}" for s, m in CASES]
)
def test_without_a_step_a_difference_is_hidden(
    rig: Rig,
    monkeypatch: Patch,
    scenario: Callable[[Rig], None],
    mutation: Callable[[Patch], None],
) -> None:
    scenario(rig)
    rig.settled()
    rig.reset()
    with monkeypatch.context() as patch:
        mutation(patch)
        scenario(rig)
        rig.drain()
    assert rig.differences() != {}
    assert rig.entries() == []


def test_a_key_is_not_the_text_that_a_client_sees(rig: Rig) -> None:
    key_in_the_text_of_a_client(rig)
    rig.settled()
    rig.reset()
    number = rig.source("select number from pgcutover.outbox_relation where name = 'stamps'")[0][0]
    function = f"alter function pgcutover.outbox_capture_{number}()"
    rig.source(f"{function} reset extra_float_digits")
    try:
        key_in_the_text_of_a_client(rig)
        rig.drain()
        assert "app.stamps" in rig.differences()
    finally:
        rig.source(f"{function} set extra_float_digits = 3")


@pytest.mark.parametrize("waits", [True, False])
def test_a_lower_id_that_appears_late_is_above_the_floor(
    rig: Rig, monkeypatch: Patch, waits: bool
) -> None:
    if not waits:  # forgets that a transaction which is still running may have drawn a lower id
        monkeypatch.setattr(Floor, "_snapshot", staticmethod(lambda _: (0, 0)))
    with closing(rig.new_relay()) as one, psycopg.connect(rig.databases.source) as slow:
        slow.execute(FIRST.encode())
        rig.source("insert into app.readings values (2, '2026-01-05', 1)")
        before = one.source.floor.id
        for _ in range(3):
            one.run_once()
        slow.commit()
        assert bool(one.source.pending()) == waits
        for _ in range(3):
            one.run_once()
        assert one.source.floor.id > before


@contextmanager
def stopped_wal_writer(rig: Rig) -> Iterator[None]:
    """Nobody but a commit flushes WAL."""
    query = "select pid from pg_stat_activity where backend_type = 'walwriter'"
    ((pid,),) = rig.source(query)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("waits", [True, False])
def test_what_a_crash_could_take_back_is_not_written(
    rig: Rig, monkeypatch: Patch, waits: bool
) -> None:
    flushed: list[bool] = []
    if not waits:
        monkeypatch.setattr(SourceSide, "wait_flushed", lambda *_: None)
    with rig.relay() as one, stopped_wal_writer(rig):
        rig.source("checkpoint", f"set synchronous_commit = off; {FIRST}")
        rig.source("select 1")
        ((lsn,),) = rig.source("select pg_current_wal_insert_lsn()::text")
        query = f"select pg_current_wal_flush_lsn() >= '{lsn}'"
        at(one, "written", lambda: flushed.append(rig.source(query)[0][0]))
        one.run_once()
    assert flushed == [waits]
    rig.settled()
