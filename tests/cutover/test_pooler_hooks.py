"""Test the freeze mode `hook` with a real PgBouncer, whose clients are paused and resumed."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from cutover.rig import Night
from cutover.test_command import HOOKS, OVERRIDE
from psycopg.conninfo import make_conninfo
from support.pgbouncer import pgbouncer

from pgcutover.cli import main
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side

HOOK = Path(__file__).with_name("pooler_hook.py")
POOLER = "".join(
    f"""
[freeze.{name}]
command = [{json.dumps(sys.executable)}, {json.dumps(str(HOOK))}]
pass_env = ["PGCUTOVER_POOLER_DSN"]
timeout_seconds = 3
"""
    for name in ("pause", "resume")
)


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    """A migration whose clients reach the source through PgBouncer in transaction mode."""
    made = Night(tmp_path, databases, monkeypatch, HOOKS + POOLER)
    with pgbouncer(databases.source, "transaction", 5, admin_users="postgres") as pooled:
        console = make_conninfo(pooled, dbname="pgbouncer")
        monkeypatch.setenv("PGCUTOVER_SOURCE_APP_DSN", pooled)
        monkeypatch.setenv("PGCUTOVER_POOLER_DSN", console)
        path = made.folder / "migration.toml"
        text = path.read_text().replace("[freeze]\n", '[freeze]\nmode = "hook"\n', 1)
        own = 'source_url_env = "PGCUTOVER_SOURCE_APP_DSN"'
        path.write_text(text.replace('source_url_env = "PGCUTOVER_SOURCE_DSN"', own))
        (made.folder / "app.env").write_text(f"DATABASE_URL={pooled}\n")
        made.pooled = pooled
        yield made
    made.close()


@contextmanager
def open_transaction(dsn):
    """A client whose transaction keeps PAUSE waiting; it has written nothing."""
    with psycopg.connect(dsn, prepare_threshold=None) as connection:
        connection.execute("select 1")
        yield


def test_clients_wait_in_the_pooler_and_meet_no_error(night):
    with night.client():
        night.lead(Side.TARGET)
        night.wait_for_writes(10)
        for name in ("pause", "resume"):
            log = night.folder / ".pgcutover" / "hooks" / f"{name}.log"
            assert f"{name}d" in log.read_text()
        night.lead(Side.SOURCE)
        night.wait_for_writes(10)
    assert night.lost(Side.SOURCE) == []


def test_a_pause_that_hangs_is_given_up_and_clients_go_on(night):
    with night.client():
        with open_transaction(night.pooled):
            with pytest.raises(
                StepError, match=r"hook pause: did not end within 3\.0 s and was killed"
            ):
                night.lead(Side.TARGET)
            night.wait_for_writes(5)
        assert night.lead(Side.TARGET).writer is Side.TARGET
        night.wait_for_writes(5)
    assert night.lost(Side.TARGET) == []


def test_a_cutover_that_is_killed_while_clients_are_paused_lets_them_go_on(night):
    migration = str(night.settings.path)
    killed = ("-m", "pgcutover.rehearsal.killed_command", "drain", "cutover", "--yes", *OVERRIDE)
    with night.client():
        done = subprocess.run(
            [sys.executable, *killed, "--migration", migration], capture_output=True, timeout=120
        )
        assert done.returncode == -9, done.stderr
        written = len(night.acknowledged())
        time.sleep(1)  # a client that could write would have
        assert len(night.acknowledged()) <= written + 1
        assert main(["unfreeze", "--migration", migration]) == 0
        night.wait_for_writes(5)
    assert night.lost(Side.SOURCE) == []
