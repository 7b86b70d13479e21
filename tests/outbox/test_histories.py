"""Random histories: whatever is cut, killed or overtaken, both sides are equal after a replay.

Each of 300 keys and more is written at most three times, because a key that is written again and
again heals itself and hides a difference.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import count

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outbox.rig import Rig
from psycopg import sql

from pgcutover.outbox.relay import Relay

HISTORIES = int(os.environ.get("PGCUTOVER_OUTBOX_HISTORIES", "0"))
LENGTH = (15, 40) if HISTORIES else (8, 12)
KEYS = 320
WRITES: tuple[Callable[[int, int], str], ...] = (
    lambda n, v: f"update app.readings set v = {v} where id % 40 = {n}",
    lambda n, v: f"update app.readings set v = {v}, day = day + 20 where id % 40 = {n}",
    lambda n, v: f"delete from app.readings where id % 40 = {n}",
    lambda n, v: (
        f"insert into app.readings select g, '2026-01-09', {v}"
        f" from generate_series({n}, {KEYS}, 40) g"
        f" on conflict (id) do update set v = {v}"
    ),
    lambda n, v: (
        f"merge into app.readings r using generate_series({n}, {KEYS} + 80, 40) g on r.id = g"
        f" when matched and g % 3 = 0 then delete when matched then update set v = {v}"
        f" when not matched then insert values (g, '2026-02-09', {v})"
    ),
    lambda n, v: f"update app.people set id = id + 1000 where id % 40 = {n} and id < 1000",
    lambda n, v: f"delete from app.people where id % 40 = {n}",
    lambda n, v: (
        f"with p as (update app.people set email = null where id % 40 = {n} and id < 1000"
        " returning id)"
        f" update app.people set email = 'm' || (select max(id) from p) where id = {n} + 41"
    ),
    lambda n, v: (
        f"insert into app.people (id, parent) select {v} + 5000 + g,"
        " (select min(id) from app.people) from generate_series(1, 3) g"
    ),
    lambda n, v: f"insert into app.visits (person, cost) select id, {v} from app.people limit 5",
    lambda n, v: f"truncate app.metrics_{n % 2 + 1}",
    lambda n, v: (
        f"insert into app.metrics select {v} * 10 + g, date '2026-01-01' + g * 5, {v}"
        " from generate_series(1, 9) g"
    ),
)
END = st.sampled_from(["commit", "commit", "rollback", "open", "prepared"])
STEPS = ("entries", "rows", "written", "committed", "deleted")
FAULT = st.tuples(
    st.sampled_from(STEPS),
    st.sampled_from(["write", "other", "cut source", "cut target", "end open"]),
)
STEP = st.one_of(
    st.tuples(st.just("write"), st.tuples(st.sampled_from(WRITES), END)),
    st.tuples(st.just("relay"), st.tuples(st.integers(0, 2), st.none() | FAULT)),
    st.tuples(st.just("end_open"), st.none()),
)


class History:
    """The steps of one example; every key is written in a random order, few times."""

    def __init__(self, rig: Rig, stack: ExitStack) -> None:
        self.rig, self.stack = rig, stack
        self.versions, self.places = count(1), count()
        self.open: list[psycopg.Connection[tuple[object, ...]]] = []
        self.prepared: list[str] = []
        self.relays: dict[int, Relay] = {}
        self.seen: dict[int, int] = {}

    def apply(self, action: str, value: object) -> None:
        getattr(self, action)(value)
        self.check_no_key_goes_back()

    def write(self, value: tuple[Callable[[int, int], str], str]) -> None:
        make, end = value
        statement = make(next(self.places) % 40, next(self.versions))
        connection = self.stack.enter_context(psycopg.connect(self.rig.databases.source))
        connection.execute("set local lock_timeout = '20ms'")
        try:
            with connection.transaction(force_rollback=True):  # a savepoint
                connection.execute(statement.encode())
            connection.execute(statement.encode())
        except (psycopg.errors.LockNotAvailable, psycopg.errors.IntegrityError):
            connection.rollback()
            return
        if end == "open":
            self.open.append(connection)
        elif end == "prepared":
            self.prepared.append(f"{self.rig.databases.name}_{connection.info.backend_pid}")
            connection.execute(
                sql.SQL("prepare transaction {}").format(sql.Literal(self.prepared[-1]))
            )
            connection.rollback()
        else:
            getattr(connection, end)()

    def end_open(self, _: object = None) -> None:
        for connection in self.open:
            connection.commit()
        for name in self.prepared:
            self.rig.source(f"commit prepared '{name}'")
        self.open.clear()
        self.prepared.clear()

    def relay(self, value: tuple[int, tuple[str, str] | None]) -> None:
        number, fault = value
        relay = self.relays.get(number)
        if relay is None:
            relay = self.relays[number] = self.rig.new_relay()
            self.stack.enter_context(closing(relay))
        done: list[bool] = []

        def hook(step: str) -> None:
            if fault is not None and fault[0] == step and not done:
                done.append(True)
                self.inject(number, relay, fault[1])

        relay.hook = hook
        try:
            relay.run_once()
        except (psycopg.OperationalError, psycopg.InterfaceError):
            relay.close()
            self.relays.pop(number, None)

    def inject(self, number: int, relay: Relay, action: str) -> None:
        if action == "write":
            self.write((WRITES[next(self.places) % len(WRITES)], "commit"))
        elif action == "other":
            self.relay(((number + 1) % 3, None))
        elif action == "end open":
            self.end_open()
        else:
            side = action.removeprefix("cut ")
            pid = getattr(relay, side).connection.info.backend_pid
            self.rig.run(side, f"select pg_terminate_backend({pid}, 5000)")

    def check_no_key_goes_back(self) -> None:
        for key, version in self.rig.target("select id, v from app.readings"):
            assert version >= self.seen.get(key, 0)
            self.seen[key] = version


def test_both_sides_are_equal_after_every_history(rig: Rig) -> None:
    @settings(
        max_examples=HISTORIES or 1,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEP, min_size=LENGTH[0], max_size=LENGTH[1]))
    def judge(steps: list[tuple[str, object]]) -> None:
        rig.reset()
        rig.source(
            f"insert into app.readings select g, '2026-01-05', 0 from generate_series(1, {KEYS}) g",
            "insert into app.people (id, email)"
            f" select g, 'm' || g from generate_series(1, {KEYS}) g",
        )
        with ExitStack() as stack:
            history = History(rig, stack)
            for step in steps:
                history.apply(*step)
            history.end_open()
        rig.settled()
        assert rig.entries() == []

    judge()
