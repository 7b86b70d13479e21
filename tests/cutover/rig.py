"""A migration between two databases of the shared servers, moved by native subscriptions."""

import json
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cutover.subscriptions import Subscriptions, execute
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgcutover.compare import CompareOptions, Comparer
from pgcutover.config import load_settings
from pgcutover.cutover.databases.marker_mover import MarkerMover
from pgcutover.cutover.databases.operator_lock import operator_lock
from pgcutover.cutover.driver import Driver
from pgcutover.cutover.gates.approval import Approval
from pgcutover.cutover.journal import journal_path, open_journal, read_entries
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.wiring import identity_of, make_world, open_databases
from pgcutover.ledger.ledgers import open_ledgers
from pgcutover.ledger.opening import parts_from

SCHEMA = """
create table public.orders (id bigserial primary key, token uuid unique not null, note text);
create table public.pgcutover_marker (id uuid primary key, noted_at timestamptz default now());
"""
MIGRATION = """
name = "{name}"
table_mappings = "mapping.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[freeze]
dsn_env = "PGCUTOVER_SOURCE_OWNER_DSN"
target_dsn_env = "PGCUTOVER_TARGET_OWNER_DSN"
budget_seconds = 20
max_lag_seconds = 10
connections_per_second = 1
[cutover.env_file]
path = "app.env"
source_url_env = "PGCUTOVER_SOURCE_DSN"
target_url_env = "PGCUTOVER_TARGET_DSN"
"""
MAPPING = {
    "rules": [
        {
            "rule-type": "selection",
            "rule-id": "1",
            "rule-name": "all",
            "object-locator": {"schema-name": "public", "table-name": "%"},
            "rule-action": "include",
        }
    ]
}
LEDGER = """
[ledger]
source_dsn_env = "PGCUTOVER_SOURCE_OWNER_DSN"
target_dsn_env = "PGCUTOVER_TARGET_OWNER_DSN"
slot = "ledger_{}"
"""
CLIENT = Path(__file__).with_name("client.py")


@dataclass(frozen=True, slots=True)
class SubscriptionMover(MarkerMover):
    """Native logical replication; drained and timed by markers, as every mover."""

    streams: Subscriptions = None

    def problems(self, writer):
        return []

    def prepare(self, side):
        self.streams.prepare(side)

    def fence(self, writer):
        self.streams.fence(writer)

    def unfence(self, writer):
        self.streams.unfence(writer)

    def is_fenced(self, writer):
        return self.streams.is_fenced(writer)

    def start(self, writer, slot):
        self.streams.replace_stream(writer, slot)
        self.drain(writer, 30)


class Night:
    """A migration folder, its databases, its mover, and the commands of an operator."""

    def __init__(self, folder, databases, monkeypatch, extra=""):
        self.folder, self.databases = folder, databases
        self.dsns = {Side.SOURCE: databases.source, Side.TARGET: databases.target}
        role = sql.Identifier(databases.name)
        for side, dsn in self.dsns.items():
            create = sql.SQL("create role {} superuser login password 'owner'").format(role)
            execute(dsn, create, SCHEMA)
            owner = make_conninfo(dsn, user=databases.name, password="owner")
            monkeypatch.setenv(f"PGCUTOVER_{side.name}_DSN", dsn)
            monkeypatch.setenv(f"PGCUTOVER_{side.name}_OWNER_DSN", owner)
        (folder / "migration.toml").write_text(MIGRATION.format(name=databases.name) + extra)
        (folder / "mapping.json").write_text(json.dumps(MAPPING))
        (folder / "app.env").write_text(f"DATABASE_URL={databases.source}\n")
        self.record = folder / "acknowledged"
        self.problem = ""
        self.change_world = lambda world: world
        self.has_stage = False
        streams = Subscriptions(self.dsns, databases.name)
        streams.prepare(Side.SOURCE)
        streams.create(Side.SOURCE)

    def compare_once(self):
        """Compare every table as a gate does, and record it for the ledgers."""
        parts = parts_from(self.settings)
        with closing(open_ledgers(parts)) as ledgers:
            ledgers.drain(time.monotonic() + 30)
            options = CompareOptions(salt="salt", log=ledgers.log)
            with closing(Comparer(*self.dsns.values(), parts.manifest, options)) as comparer:
                found = [comparer.rows(table) for table in parts.manifest.tables]
        assert not any(found)

    def close(self):
        """Drop the mover, and the role that locks and fences with what it owns."""
        self.world().mover.streams.drop_all(Side.SOURCE)
        role = sql.Identifier(self.databases.name)
        for dsn in self.dsns.values():
            execute(
                dsn,
                sql.SQL("drop owned by {} cascade").format(role),
                sql.SQL("drop role {}").format(role),
            )

    @property
    def settings(self):
        return load_settings(self.folder / "migration.toml")

    def world(self, side=None):
        """All parts as the command makes them, but the mover, and a gate that is overridden."""
        settings = self.settings
        databases = open_databases(settings)
        approval = Approval(settings.name, True, False, None)
        world = make_world(settings, databases, approval, self.check_gate)
        mover = SubscriptionMover(
            self.dsns,
            world.mover.markers,
            world.mover.max_lag_seconds,
            world.hooks,
            world.mover.find_hook,
            "",
            {},
            Subscriptions(self.dsns, settings.name),
        )
        # a warm process of the suite takes seconds to start
        gate = replace(world.gate, mover_hook=True) if self.has_stage else world.gate.rows
        return self.change_world(replace(world, mover=mover, gate=gate))

    def check_gate(self):
        return {"run": "a test's"}

    @contextmanager
    def driver(self, journal_class=None):
        settings = self.settings
        databases = open_databases(settings)
        with operator_lock(settings.name, self.dsns) as lock:
            journal = open_journal(settings.path, identity_of(settings, databases))
            world = self.world()
            try:
                yield Driver(world, journal, lock.verify, restore_seconds=2)
            finally:
                journal.close()
                for freeze in world.freezes.values():
                    freeze.unlock()
                world.gate.close()
                world.sequences.close()

    def lead(self, goal):
        """Run `cutover` or `rollback` to its end; return the driver's last state."""
        with self.driver() as driver:
            driver.recover()
            driver.drive(goal)
            return driver.state

    def facts(self, step):
        """The facts in the journal about the last completion of a step."""
        entries = read_entries(journal_path(self.settings.path))
        return next(e for e in reversed(entries) if (e.kind, e.step) == ("done", step)).details

    @contextmanager
    def client(self):
        """An application that writes throughout; at its end it must have met no error."""
        process = subprocess.Popen(
            [sys.executable, str(CLIENT), str(self.folder / "app.env"), str(self.record)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.wait_for_writes(1)
            yield process
        finally:
            _, errors = process.communicate()
        assert process.returncode == 0, errors

    def acknowledged(self):
        if not self.record.exists():
            return []
        return [line.split()[0] for line in self.record.read_text().splitlines()]

    def wait_for_writes(self, count, seconds=30):
        """Wait for further acknowledged writes: a client can write."""
        wanted, deadline = len(self.acknowledged()) + count, time.monotonic() + seconds
        while len(self.acknowledged()) < wanted:
            assert time.monotonic() < deadline, "clients cannot write"
            time.sleep(0.01)

    def lost(self, side):
        """Acknowledged writes that a side does not have."""
        found = {str(token) for (token,) in execute(self.dsns[side], "select token from orders")}
        return [token for token in self.acknowledged() if token not in found]
