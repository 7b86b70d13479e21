"""A relay killed after its commit on the target writes twice, and loses nothing.

An application that writes to both databases itself does lose writes, without being killed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
from outbox.rig import RULES, Rig

KILLS = int(os.environ.get("PGCUTOVER_OUTBOX_KILLS", "2"))
PROGRAM = Path(__file__).with_name("killed_relays.py")


def test_killed_relays_lose_nothing(rig: Rig) -> None:
    given = {"dsns": [*rig.dsns], "rules": RULES}
    done = subprocess.run(
        [sys.executable, PROGRAM, str(KILLS), "7"],
        input=json.dumps(given), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] == KILLS
    assert rig.entries() != []
    rig.settled()


def test_an_application_that_writes_twice_itself_diverges(rig: Rig) -> None:
    """The common recipe: write to the source, then the same input to the target; log a failure."""
    failed = []

    def write(statement: str) -> None:
        rig.source(statement)
        try:
            rig.target(statement)
        except psycopg.Error as error:
            failed.append(type(error).__name__)

    write("insert into app.visits (at, cost) values (clock_timestamp(), 1)")
    row = "insert into app.readings values (1, '2026-01-05', 1)"
    rig.target(row)  # what another client wrote there first
    write(row)
    rig.source("update app.readings set v = 2")
    found = rig.differences()
    assert failed == ["UniqueViolation"]
    assert found.keys() >= {"app.visits", "app.readings"}
    rig.source("delete from app.visits", "update app.readings set v = 3")
    rig.target("truncate app.visits")
    rig.settled()  # the relay settles what the naive writes left
