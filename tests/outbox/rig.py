"""Two databases with captured tables, and the relay that a test moves by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from compare.lab import rule
from support.servers import Databases, Pair, fresh_databases

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.config import Outbox
from pgcutover.connect import open_owner
from pgcutover.mapping import MappingRules, parse_rules
from pgcutover.outbox.install import apply_step, plan_install, plan_uninstall
from pgcutover.outbox.opening import open_outbox_relay
from pgcutover.outbox.relay import Relay
from pgcutover.outbox.run import drain
from pgcutover.sides import Sides

HERE = Path(__file__).parent
RULES = [
    rule(1, "selection", "include", "app", "%"),
    rule(2, "transformation", "rename", "app", "people", rule_target="schema", value="core"),
    rule(3, "transformation", "rename", "app", "people", rule_target="table", value="persons"),
    rule(
        4, "transformation", "rename", "app", "people", "note",
        rule_target="column", value="remark",
    ),
    rule(5, "transformation", "remove-column", "app", "people", "secret", rule_target="column"),
]  # fmt: skip
TABLES = {
    "app.people": ("app.people", "id, email, name, born, note, parent", "core.persons",
                   "id, email, name, born, remark, parent"),
    "app.visits": ("app.visits", "*", "app.visits", "*"),
    "app.metrics": ("app.metrics", "*", "app.metrics", "*"),
    "app.stamps": ("app.stamps", "*", "app.stamps", "*"),
    "app.numbered": ("app.numbered", "*", "app.numbered", "*"),
    "app.rates": ("app.rates", "*", "app.rates", "*"),
    "app.readings": ("app.readings", "id, day, v", "app.readings", "id, day, v"),
}  # fmt: skip
OUTBOX = Outbox(lock_timeout_seconds=0.2, lock_tries=1)


@dataclass
class Rig:
    """Both databases; the outbox is installed on the source."""

    databases: Databases
    rules: MappingRules
    name: str = "test"
    relays: list[Relay] = field(default_factory=list)
    sessions: dict[str, psycopg.Connection[Any]] = field(default_factory=dict)

    def run(self, side: str, *statements: str) -> list[Any]:
        """Run statements in a session as new; return the rows of the last one."""
        connection = self.sessions.get(side)
        if connection is None or connection.closed:
            dsn = getattr(self.databases, side)
            connection = self.sessions[side] = psycopg.connect(
                dsn, autocommit=True, prepare_threshold=None
            )
        for statement in (b"rollback", b"discard all"):
            connection.execute(statement)
        found: list[Any] = []
        for statement in statements:
            cursor = connection.execute(statement.encode())
            found = cursor.fetchall() if cursor.description else []
        return found

    def source(self, *statements: str) -> list[Any]:
        return self.run("source", *statements)

    def target(self, *statements: str) -> list[Any]:
        return self.run("target", *statements)

    def install(self, outbox: Outbox = OUTBOX) -> None:
        with open_owner(self.databases.source) as connection:
            mapped = mapped_tables(self.rules, connection)
            _, steps = plan_install(connection, self.name, outbox, self.rules, mapped)
            for step in steps:
                apply_step(connection, step, OUTBOX)

    def uninstall(self) -> None:
        with open_owner(self.databases.source) as connection:
            for step in plan_uninstall(connection, self.name):
                apply_step(connection, step, OUTBOX)

    @property
    def dsns(self) -> Sides[str]:
        return Sides(self.databases.source, self.databases.target)

    @contextmanager
    def relay(self, dsns: Sides[str] | None = None) -> Iterator[Relay]:
        """A relay with open connections, kept for the next test if it still has them."""
        relay = self.relays.pop() if self.relays and dsns is None else self.new_relay(dsns)
        try:
            yield relay
        finally:
            relay.hook = lambda _: None
            lost = [side.connection.closed for side in (relay.source, relay.target)]
            self.relays += [relay] if dsns is None and not any(lost) else []
            if relay not in self.relays:
                relay.close()

    def new_relay(self, dsns: Sides[str] | None = None) -> Relay:
        return open_outbox_relay(self.name, self.rules, dsns or self.dsns, 500)

    def drain(self) -> None:
        with self.relay() as relay:
            assert drain(relay, monotonic() + 20)

    def settled(self) -> None:
        """Relay everything: both sides must be equal, and nothing is parked."""
        self.drain()
        assert self.differences() == {}
        assert self.source("select reason from pgcutover.outbox_parked") == []

    def entries(self) -> list[tuple[str, Any]]:
        """The outbox: tables and keys in the order of their ids."""
        return self.source(
            "select r.name, o.key from pgcutover.outbox o"
            " join pgcutover.outbox_relation r on r.number = o.relation order by o.id"
        )

    def reset(self) -> None:
        names = "app.visits, app.metrics, app.stamps, app.readings, app.rates, app.numbered"
        self.source(f"truncate app.people, {names}")
        self.source("truncate pgcutover.outbox, pgcutover.outbox_parked")
        self.target(f"truncate core.persons, {names}")

    def differences(self) -> dict[str, tuple[set[Any], set[Any]]]:
        """The rows of each table that only the source has, and that only the target has."""
        found = {}
        for name, (source, own, target, others) in TABLES.items():
            here = {*self.source(f"select x::text from (select {own} from {source}) x")}
            there = {*self.target(f"select x::text from (select {others} from {target}) x")}
            if here != there:
                found[name] = (here - there, there - here)
        return found


@contextmanager
def opened(pair: Pair) -> Iterator[Rig]:
    with fresh_databases(pair) as databases:
        rig = Rig(databases, parse_rules({"rules": RULES}, "rules of the test"))
        for name, sides in {
            "source.sql": (rig.source, rig.target),
            "moved.sql": (rig.target,),
        }.items():
            for run in sides:
                run((HERE / name).read_text("utf-8"))
        rig.install()
        yield rig
        for relay in rig.relays:
            relay.close()
        for session in rig.sessions.values():
            session.close()
