"""`pgcutover outbox`: SQL before it is run, a relay that Ctrl-C ends, and what is refused."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from outbox.rig import RULES, Rig

from pgcutover.cli import main
from pgcutover.errors import ServerError
from pgcutover.exit_codes import ExitCode
from pgcutover.sides import Sides

TOML = """
name = "test"
table_mappings = "rules.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[outbox]
owner_dsn_env = "PGCUTOVER_SOURCE_DSN"
source_dsn_env = "PGCUTOVER_SOURCE_DSN"
target_dsn_env = "PGCUTOVER_TARGET_DSN"
"""


@pytest.fixture
def migration(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rules.json").write_text(json.dumps({"rules": RULES}))
    (tmp_path / "migration.toml").write_text(TOML)
    monkeypatch.setenv("PGCUTOVER_SOURCE_DSN", rig.databases.source)
    monkeypatch.setenv("PGCUTOVER_TARGET_DSN", rig.databases.target)
    return tmp_path / "migration.toml"


def test_every_action_from_install_to_uninstall(
    rig: Rig, migration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        code = main(["outbox", "--migration", str(migration), *arguments])
        return code, capsys.readouterr().out

    assert run("uninstall")[0] == ExitCode.PASS
    assert rig.entries() == []  # printed only
    assert run("uninstall", "--yes")[0] == ExitCode.PASS
    code, text = run("install")
    assert code == ExitCode.PASS
    rig.source(text)
    assert run("install") == (ExitCode.PASS, "")
    rig.source("insert into app.readings values (1, '2026-01-05', 1)")
    code, text = run("status", "--json")
    assert (code, json.loads(text)["by_table"]) == (ExitCode.PASS, {"app.readings": 1})
    assert run("run", "--until-empty", "20")[0] == ExitCode.PASS
    assert rig.differences() == {}
    rig.target("truncate app.readings")
    assert run("replay", "--table", "app.readings")[0] == ExitCode.PASS
    assert run("replay", "--parked")[0] == ExitCode.PASS
    rig.source("alter table app.readings enable trigger pgcutover_outbox")
    code, text = run("status")
    assert code == ExitCode.UNKNOWN
    assert "trigger pgcutover_outbox of app.readings does not always fire" in text
    rig.source("alter table app.readings enable always trigger pgcutover_outbox")
    rig.settled()


def test_the_relay_runs_until_ctrl_c_and_survives_a_lost_target(rig: Rig, migration: Path) -> None:
    command = [sys.executable, "-m", "pgcutover", "outbox", "--migration", migration, "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        assert service.stderr.readline() == "the relay runs\n"
        row = "insert into app.readings values ({}, '2026-01-05', 1)"
        for n in (1, 2):
            rig.source(row.format(n))
            while rig.entries():
                os.sched_yield()
            others = "pid <> pg_backend_pid() and datname = current_database()"
            rig.target(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")
        service.send_signal(signal.SIGINT)
        assert service.wait(20) == 128 + signal.SIGINT
        assert "waiting 0.1 s" in service.stderr.read()
    while rig.relays:  # their sessions were ended
        rig.relays.pop().close()
    assert rig.differences() == {}


def refusal(rig: Rig, *on_target: str, role: str = "") -> str:
    rig.target(*on_target)
    target = f"{rig.databases.target} user={role} password=x" if role else rig.databases.target
    with pytest.raises(ServerError) as raised:
        rig.new_relay(Sides(rig.databases.source, target)).close()
    return str(raised.value)


def test_what_would_write_beside_the_relay_is_refused(rig: Rig) -> None:
    role = f"writer_{rig.databases.name}"
    schemas = "schema app, core"
    rights = f"grant usage on {schemas} to {role}; grant all on all tables in {schemas} to {role}"
    text = refusal(rig, f"create role {role} login password 'x'; {rights}", role=role)
    assert "core.persons has trigger stamp" in text
    assert "core.persons has an action of foreign key" in text
    text = refusal(rig, "alter table core.persons enable always trigger stamp")
    assert "core.persons has trigger stamp" in text
    rig.target("alter table core.persons enable trigger stamp")
    subscription = (
        "create subscription s connection 'dbname=nowhere' publication p with (connect = false)",
        "insert into pg_subscription_rel"
        " select oid, 'app.readings'::regclass, 'r' from pg_subscription where subname = 's'",
        "update pg_subscription set subenabled = true where subname = 's'",
    )
    assert "app.readings has subscription s" in refusal(
        rig, "set allow_system_table_mods = on", *subscription
    )
    rig.target(
        "alter subscription s disable",
        "alter subscription s set (slot_name = none)",
        "drop subscription s",
    )
    assert "no column 'v'" in refusal(rig, "alter table app.readings rename v to w")
    rig.target("alter table app.readings rename w to v", f"drop owned by {role}; drop role {role}")


def test_without_replica_role_one_relay_writes_parents_first(rig: Rig) -> None:
    role = f"plain_{rig.databases.name}"
    rig.target(
        "alter table core.persons disable trigger stamp",
        "alter table app.visits drop constraint visits_person_fkey,"
        " add foreign key (person) references core.persons (id)",
        "alter table core.persons drop constraint people_parent_fkey,"
        " add foreign key (parent) references core.persons (id)",
        f"create role {role} login password 'x'; grant usage on schema app, core to {role};"
        f" grant all on all tables in schema app, core to {role}",
    )
    rig.source(
        "insert into app.people (id) select generate_series(1, 50)",
        "insert into app.visits (person) select id from app.people",
        "update app.people set parent = id - 1 where id > 1",
    )
    dsns = Sides(rig.databases.source, f"{rig.databases.target} user={role} password=x")
    with rig.relay(dsns) as relay, rig.relay(dsns) as other:
        assert not relay.target.is_replica
        with relay.target.connection.transaction():
            assert relay.target.begin()
            assert other.run_once() == 0
        while relay.source.pending():
            relay.run_once()
        rig.source("delete from app.people where id > 20")
        while relay.source.pending():
            relay.run_once()
    rig.settled()
    rig.target(
        f"drop owned by {role}; drop role {role}", "alter table core.persons enable trigger stamp"
    )
