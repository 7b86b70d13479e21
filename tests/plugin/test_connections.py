"""Test connections that a run refuses at its start, and those that end it, with exit code 3."""

import re

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from support.forwarder import forwarded
from support.pgbouncer import pgbouncer

UNKNOWN = 3
SWITCH = """
import pathlib

def pytest_runtest_setup(item):
    pathlib.Path("switched").touch()
"""


@pytest.mark.parametrize(
    ("mode", "says"),
    [("transaction", "pooler in transaction mode"), ("statement", "transaction cannot begin")],
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_pooler_is_refused(migration, side, mode, says):
    variable = f"PGCUTOVER_{side.upper()}_DSN"
    with pgbouncer(migration.environment[variable], mode) as pooled:
        migration.environment[variable] = pooled
        outcome = migration.gate("-n", "0")
    assert (outcome.code, outcome.document) == (UNKNOWN, {})
    assert len(re.findall(f"{side}: .*{says}.*connect to the server itself", outcome.text)) == 1
    assert "manifest:" not in outcome.text


def test_a_pooler_before_the_marker_is_refused(migration):
    toml = migration.folder / "migration.toml"
    toml.write_text(
        toml.read_text().replace("[target]", 'marker_dsn_env = "PGCUTOVER_MARKER_DSN"\n[target]')
    )
    with pgbouncer(migration.databases.source, "transaction") as pooled:
        migration.environment["PGCUTOVER_MARKER_DSN"] = pooled
        outcome = migration.gate("-n", "0")
    assert (outcome.code, outcome.document) == (UNKNOWN, {})
    assert len(re.findall("PGCUTOVER_MARKER_DSN: .*pooler", outcome.text)) == 1


def test_a_pooler_in_session_mode_is_used(migration):
    with pgbouncer(migration.databases.source, "session", 20) as pooled:
        migration.environment["PGCUTOVER_SOURCE_DSN"] = pooled
        outcome = migration.gate("-n", "0")
    assert outcome.document["verdict"]
    assert set(outcome.verdicts("DATA-ROWS").values()) == {"PASS"}


def test_the_same_database_on_both_sides_is_refused(migration):
    migration.environment["PGCUTOVER_SOURCE_DSN"] = migration.databases.target
    outcome = migration.gate("-n", "0")
    assert (outcome.code, outcome.document) == (UNKNOWN, {})
    assert outcome.text.count("source and target are the same database") == 1


@pytest.mark.parametrize("workers", ["0", "2"])
def test_another_server_ends_the_run(migration, workers):
    role, password = "gate_of_both", "throw-away"
    for dsn in (migration.databases.source, migration.databases.target):
        with psycopg.connect(dsn) as connection:
            connection.execute(f"create role {role} superuser login password '{password}'")
    migration.plugin(SWITCH)
    try:
        own = make_conninfo(migration.databases.source, user=role, password=password)
        switched = (migration.folder / "switched").exists
        with forwarded(own, migration.databases.target, switched) as dsn:
            migration.environment["PGCUTOVER_SOURCE_DSN"] = dsn
            outcome = migration.gate("-n", workers)
    finally:
        for dsn in (migration.databases.source, migration.databases.target):
            with psycopg.connect(dsn) as connection:
                connection.execute(f"drop role {role}")
    assert (outcome.code, outcome.verdict) == (UNKNOWN, "UNKNOWN"), outcome.text
    assert "reached another server" in outcome.text
    coverage = outcome.document["coverage"]
    assert coverage["reported"] < coverage["expected"]
