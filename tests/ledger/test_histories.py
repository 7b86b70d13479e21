"""Random histories: the verdict of the ledgers is that of a full comparison, whatever happened.

A mover repeats what the source committed, late; it may lose or repeat a transaction, and somebody
else may write to the target. Comparisons, reads, settlement and restarts come at random moments.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

import psycopg
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from ledger.rig import Rig
from psycopg import sql

from pgcutover.verdict import Verdict

HISTORIES = int(os.environ.get("PGCUTOVER_LEDGER_HISTORIES", "3"))
NUMBERS = st.integers(1, 12)


def _insert(n: int) -> str:
    return f"insert into app.a values ({n + 20}, 'i') on conflict do nothing"


WRITES: tuple[Callable[[int], str], ...] = (
    _insert,
    lambda n: (
        f"insert into app.b select 'y', {n} * 10 + g, 0 from generate_series(1, 3) g"
        " on conflict do nothing"
    ),
    lambda n: f"update app.a set v = v || '+' where id % 12 = {n % 12}",
    lambda n: f"update app.b set v = v + 1 where y = {n}",
    lambda n: f"update app.a set id = id + 100 where id = {n}",
    lambda n: f"update app.b set x = 'z', y = y + 200 where y = {n} and x = 'x'",
    lambda n: f"delete from app.a where id = {n}",
    lambda n: f"delete from app.b where y <= {n}",
    lambda n: "truncate app.b" if n == 1 else f"delete from app.b where v = {n}",
)
WRITE = st.builds(lambda make, n: make(n), st.sampled_from(WRITES), NUMBERS)
PART = st.tuples(st.lists(WRITE, min_size=1, max_size=2), st.sampled_from(["keep", "undo"]))
END = st.sampled_from(["commit", "rollback", "prepared", "undone", "open"])
STEP = st.one_of(
    st.tuples(st.just("write"), WRITE),
    st.tuples(st.just("transaction"), st.tuples(st.lists(PART, min_size=1, max_size=3), END)),
    st.tuples(st.just("copy"), NUMBERS),
    st.tuples(st.just("deliver"), NUMBERS),
    st.tuples(st.sampled_from(["lose", "repeat"]), st.none()),
    st.tuples(st.just("rogue"), WRITE),
    st.tuples(st.just("compare"), st.sampled_from([("app.a",), ("app.b",), ()])),
    st.tuples(st.sampled_from(["read", "settle", "settle", "restart", "end"]), st.none()),
)


class History:
    """The source's committed statements on their way to the target, and open transactions."""

    def __init__(self, rig: Rig, stack: ExitStack) -> None:
        self.rig, self.stack = rig, stack
        self.moving: list[list[str]] = []
        self.open: list[tuple[psycopg.Connection[tuple[object, ...]], list[str]]] = []

    def apply(self, action: str, value: object) -> None:
        getattr(self, action)(value)

    def write(self, statement: str) -> None:
        self.transaction(([([statement], "keep")], "commit"))

    def transaction(self, value: tuple[list[tuple[list[str], str]], str]) -> None:
        parts, end = value
        connection = self.stack.enter_context(psycopg.connect(self.rig.databases.source))
        connection.execute("set local lock_timeout = '50ms'")
        kept: list[str] = []
        try:
            for statements, fate in parts:
                with connection.transaction(force_rollback=fate == "undo"):
                    for statement in statements:
                        connection.execute(statement.encode())
                kept += statements if fate == "keep" else []
        except (psycopg.errors.LockNotAvailable, psycopg.errors.UniqueViolation):
            connection.rollback()
            return
        self._end(connection, kept, end)

    def _end(
        self, connection: psycopg.Connection[tuple[object, ...]], kept: list[str], end: str
    ) -> None:
        if end == "open":
            self.open.append((connection, kept))
            return
        if end in ("prepared", "undone"):
            name = f"{self.rig.databases.name}_{connection.info.backend_pid}"
            connection.execute(sql.SQL("prepare transaction {}").format(sql.Literal(name)))
            connection.commit()
            self.rig.now.read_once()
            connection.autocommit = True
            verb = "commit" if end == "prepared" else "rollback"
            connection.execute(sql.SQL(f"{verb} prepared {{}}").format(sql.Literal(name)))
        elif end == "commit":
            connection.commit()
        else:
            connection.rollback()
        if end in ("commit", "prepared"):
            self.moving.append(kept)

    def copy(self, n: int) -> None:
        rows = [(f"c{n}", m, n) for m in range(n)]
        with psycopg.connect(self.rig.databases.source) as connection:
            known = connection.execute("select 1 from app.b where x = %s", [f"c{n}"]).fetchone()
            if known is None:
                with connection.cursor().copy("copy app.b from stdin") as copy:
                    for row in rows:
                        copy.write_row(row)
                values = ", ".join(f"('{x}', {y}, {v})" for x, y, v in rows)
                self.moving.append([f"insert into app.b values {values} on conflict do nothing"])

    def deliver(self, n: int) -> None:
        for statements in self.moving[:n]:
            self._on_target(statements)
        del self.moving[:n]

    def _on_target(self, statements: list[str]) -> None:
        with (
            suppress(psycopg.errors.UniqueViolation),
            psycopg.connect(self.rig.databases.target) as connection,
        ):
            for statement in statements:
                connection.execute(statement.encode())

    def lose(self, _: object) -> None:
        del self.moving[:1]

    def repeat(self, _: object) -> None:
        self.moving[:1] *= 2

    def rogue(self, statement: str) -> None:
        self._on_target([statement])

    def compare(self, tables: tuple[str, ...]) -> None:
        self.rig.compare(*tables)

    def read(self, _: object) -> None:
        self.rig.now.read_once()

    def settle(self, _: object) -> None:
        self.rig.now.settle_once(5, wait=False)

    def restart(self, _: object) -> None:
        self.rig.open()

    def end(self, _: object) -> None:
        """End every open transaction, and let its statements move."""
        for connection, kept in self.open:
            connection.commit()
            self.moving.append(kept)
        self.open.clear()


def test_the_verdict_of_the_ledgers_is_that_of_a_full_comparison(shared: Rig) -> None:
    @settings(
        max_examples=HISTORIES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEP, min_size=4, max_size=14))
    def judge(steps: list[tuple[str, object]]) -> None:
        shared.begin(12)
        with ExitStack() as stack:
            history = History(shared, stack)
            for step in steps:
                history.apply(*step)
            history.end(None)
            history.deliver(len(history.moving))
        proof = shared.prove()
        if proof.whole_tables:  # as the freeze does: these are compared whole
            shared.compare(*proof.whole_tables)
            proof = shared.prove()
        differing = shared.compare()
        event(f"differs: {bool(differing)}")
        assert (proof.verdict is Verdict.PASS) == (not differing), (proof, differing)
        assert set(proof.differing) <= set(differing)

    judge()
