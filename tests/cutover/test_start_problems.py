"""Test that everything that would refuse a cutover is told before it begins."""

import io
import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from cutover.rig import Night
from cutover.subscriptions import execute
from psycopg.conninfo import make_conninfo

import pgcutover.setup
from pgcutover.cli import main
from pgcutover.cutover.journal import journal_path
from pgcutover.cutover.resolver import Side

DOCUMENT = Path(pgcutover.setup.__path__[0]).parent / "docs" / "cutover.md"
BLOCK = r"```sql\n(create role kgc_cutover.*?)```"
TABLES = ("orders", "pgcutover_marker")
HOOKS = """
[cutover.hooks.start_mover]
command = ["true"]
"""


class Limited:
    """A migration whose cutover has a role with exactly the documented rights."""

    def __init__(self, night, monkeypatch):
        self.night, self.name = night, night.databases.name
        self.role, self.owner = f"{self.name}_cutover", f"{self.name}_owner"
        for side, dsn in night.dsns.items():
            execute(dsn, f"create role {self.owner}", *self._documented())
            execute(dsn, f"alter role {self.role} password 'cutover'")
            execute(dsn, *(f"alter table {table} owner to {self.owner}" for table in TABLES))
            own = make_conninfo(dsn, user=self.role, password="cutover")
            monkeypatch.setenv(f"PGCUTOVER_{side.name}_OWNER_DSN", own)

    def _documented(self):
        (block,) = re.findall(
            r"```sql\n(create role kgc_cutover.*?)```", DOCUMENT.read_text(), re.S
        )
        names = {"kgc_cutover": self.role, "kgc_owner": self.owner, "database kgc": self.database}
        for name, own in names.items():
            block = block.replace(name, own)
        return [each for each in block.split(";") if each.strip()]

    @property
    def database(self):
        return f"database {self.name}"

    def run(self, side, *statements):
        names = {"ROLE": self.role, "OWNER": self.owner, "DATABASE": self.name}
        return execute(
            self.night.dsns[side],
            *(re.sub("[A-Z]{4,}", lambda m: names[m[0]], s) for s in statements),
        )

    def drop(self):
        for side in Side:
            self.run(
                side,
                "drop owned by OWNER, ROLE cascade",
                "drop role ROLE",
                "drop role OWNER",
            )


@pytest.fixture
def limited(tmp_path, databases, monkeypatch):
    night = Night(tmp_path, databases, monkeypatch, HOOKS)
    made = Limited(night, monkeypatch)
    yield made
    night.close()
    made.drop()


@pytest.fixture
def dry_run(limited, capsys, monkeypatch):
    """dry_run(): what refuses the cutover, but the gate and the mover, which tests replace."""
    monkeypatch.chdir(limited.night.folder)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run():
        code = main(["cutover", "--dry-run"])
        text = capsys.readouterr().out
        assert "cutover'" not in text
        refused = [line for line in text.splitlines() if line.startswith("refused: ")]
        assert code == (3 if refused else 0)
        own = ("the cutover needs a PASS", "freeze.mover_role nor")
        return [line for line in refused if not any(word in line for word in own)]

    return run


def test_a_role_with_the_documented_rights_leads_clients_both_ways(limited, dry_run):
    assert dry_run() == []
    night = limited.night
    with night.client():
        for goal in (Side.TARGET, Side.SOURCE):
            assert night.lead(goal).writer is goal
            night.wait_for_writes(5)
    assert night.lost(Side.SOURCE) == []


LACKING = {
    "slots": (
        Side.TARGET, ["alter role ROLE noreplication"], ["alter role ROLE replication"],
        "target: role ROLE may not create the slot pgcutover_DATABASE_from_target; alter role ROLE"
        " replication",
    ),
    "schema": (
        Side.TARGET, ["revoke create on database DATABASE from ROLE"],
        ["grant create on database DATABASE to ROLE"],
        "target: role ROLE may not create the schema pgcutover of the fence; grant it create on",
    ),
    "schema that is there": (
        Side.TARGET, ["create schema pgcutover"], ["drop schema pgcutover"],
        "target: role ROLE may not use and create in the schema pgcutover of the fence; grant it"
        " usage and create on schema pgcutover",
    ),
    "owner": (
        Side.SOURCE,
        ["revoke OWNER from ROLE",
         "grant select, insert, update, delete, truncate, trigger on all tables in schema public"
         " to ROLE"],
        ["grant OWNER to ROLE", "revoke all on all tables in schema public from ROLE"],
        "source: role ROLE could fence orders, but not remove the fence again, which only its owner"
        " may; make ROLE a member of the owner",
    ),
    "lock": (
        Side.TARGET,
        ["revoke OWNER from ROLE", "grant insert, trigger on all tables in schema public to ROLE"],
        ["grant OWNER to ROLE", "revoke all on all tables in schema public from ROLE"],
        "target: role ROLE may not lock orders; grant it maintain on the table",
    ),
    "lock before MAINTAIN": (
        Side.SOURCE,
        ["revoke OWNER from ROLE", "grant insert, trigger on all tables in schema public to ROLE"],
        ["grant OWNER to ROLE", "revoke all on all tables in schema public from ROLE"],
        "source: role ROLE may not lock orders; grant it update on the table",
    ),
    "ages": (
        Side.SOURCE, ["revoke pg_read_all_stats from ROLE"], ["grant pg_read_all_stats to ROLE"],
        "the ages of other roles' transactions are not visible; grant pg_read_all_stats to",
    ),
    "read only": (
        Side.SOURCE, ["alter database DATABASE set default_transaction_read_only to on"],
        ["set default_transaction_read_only to off", "alter database DATABASE reset all"],
        "the source is read only already; expected one that accepts writes until the freeze",
    ),
}  # fmt: skip


def test_each_right_that_is_missing_is_named_with_its_remedy(limited, dry_run):
    for name, (side, take, give_back, says) in LACKING.items():
        limited.run(side, *take)
        wanted = says.replace("ROLE", limited.role).replace("DATABASE", limited.name)
        found = dry_run()
        assert any(wanted in line for line in found), (name, found)
        limited.run(side, *give_back)
        assert dry_run() == [], name


def test_a_mover_whose_sessions_may_not_be_ended_is_refused(limited, dry_run):
    mover = f"{limited.name}_mover"
    path = limited.night.folder / "migration.toml"
    path.write_text(path.read_text().replace("[freeze]", f'[freeze]\nmover_role = "{mover}"'))
    assert any(f"role {mover} (freeze.mover_role) does not exist" in line for line in dry_run())
    limited.run(
        Side.TARGET, f"create role {mover} login", "alter role ROLE createrole",
        f"grant {mover} to ROLE with admin option, inherit false",
    )  # fmt: skip
    try:
        (line,) = dry_run()
        assert f"target: role {limited.role} may not end the sessions of {mover}; grant" in line
        limited.run(Side.TARGET, "grant pg_signal_backend to ROLE")
        assert dry_run() == []
    finally:
        limited.run(Side.TARGET, f"drop role {mover}")


@contextmanager
def slots_in_use(dsn):
    """Use all slots of the server."""
    ((free,),) = execute(
        dsn,
        "select current_setting('max_replication_slots')::int - count(*)::int"
        " from pg_replication_slots",
    )
    made = "select pg_create_physical_replication_slot('full_' || n)"
    execute(dsn, f"{made} from generate_series(1, {free}) n")
    try:
        yield
    finally:
        dropped = "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
        execute(dsn, f"{dropped} where slot_name like 'full\\_%'")


def test_a_slot_that_cannot_be_made_is_told(limited, dry_run):
    dsn, name = limited.night.dsns[Side.TARGET], f"pgcutover_{limited.name}_from_target"
    with slots_in_use(dsn):
        (line,) = dry_run()
        assert re.search(
            rf"target: all \d+ replication slots are in use, .* slot {name} needs", line
        )
    execute(dsn, f"select pg_create_physical_replication_slot('{name}')")
    try:
        (line,) = dry_run()
        assert f"target: the slot name {name} is taken" in line
    finally:
        execute(dsn, f"select pg_drop_replication_slot('{name}')")
    assert dry_run() == []


def test_the_real_command_refuses_it_too_and_changes_nothing(limited, monkeypatch, capsys):
    monkeypatch.chdir(limited.night.folder)
    limited.run(Side.TARGET, "alter role ROLE noreplication")
    override = ("--override-gate", "--who", "me", "--why", "a test", "--ticket", "T-1")
    assert main(["cutover", "--yes", *override]) == 3
    text = capsys.readouterr().err
    assert "may not create the slot" in text
    assert "freeze.mover_role nor cutover.hooks.fence_mover" in text, "all reasons at once"
    assert "Clients write to the source as before" in text
    assert limited.run(Side.TARGET, "select from pg_namespace where nspname = 'pgcutover'") == []
    limited.run(Side.TARGET, "alter role ROLE replication")


def test_another_migrations_journal_is_told(limited, dry_run, capsys):
    path = journal_path(limited.night.settings.path)
    with limited.night.driver() as driver:
        driver.recover()
    text = path.read_text()
    assert dry_run() == []
    migration = limited.night.folder / "migration.toml"
    own = migration.read_text()
    migration.write_text(own.replace(f'"{limited.name}"', '"another"', 1))
    assert main(["cutover", "--dry-run"]) == 3
    migration.write_text(own)
    assert "belongs to another cutover: expected migration 'another'" in capsys.readouterr().err
    assert path.read_text() == text


def test_a_pointer_that_leads_elsewhere_is_told(limited, dry_run):
    (limited.night.folder / "app.env").write_text("DATABASE_URL=postgresql://elsewhere/x\n")
    (line,) = dry_run()
    assert "holds the DSN of neither side: somebody changed it" in line
    assert "elsewhere" not in line
    (limited.night.folder / "app.env").write_text(f"{json.dumps('DATABASE_URL')}\n")
    (line,) = dry_run()
    assert "expected one line, found 0" in line
