"""`pgcutover watch`: a line for each change, and the exit code of the last verdict."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from support.servers import Databases

from pgcutover.after.watch import Round, changes, read_round
from pgcutover.cli import main

TOML = """
name = "{name}"
table_mappings = "rules.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
"""


def test_each_change_is_one_line() -> None:
    first = Round("FAIL", {"A[*]": ("PASS", ""), "B[*]": ("FAIL", "it is red")})
    second = Round("PASS", {"A[*]": ("PASS", ""), "B[*]": ("PASS", "")})
    lost = Round("UNKNOWN", trouble="no server; see after.log")
    assert [*changes(None, first)] == ["B[*] PASS -> FAIL: it is red", "verdict FAIL of 2 results"]
    assert [*changes(first, first)] == []
    assert [*changes(first, second)] == ["B[*] FAIL -> PASS", "verdict PASS of 2 results"]
    assert [*changes(second, lost)] == [
        "no result: no server; see after.log",
        "verdict UNKNOWN of 0 results",
    ]


def test_a_run_without_a_verdict_is_unknown_with_its_last_line(tmp_path: Path) -> None:
    log = tmp_path / "after.log"
    log.write_text("one\nERROR: X is not set\n\n")
    assert read_round(tmp_path, log).trouble == f"ERROR: X is not set; see {log}"


@pytest.fixture
def folder(tmp_path: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Path:
    rules = {"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
             "object-locator": {"schema-name": "public", "table-name": "%"}}  # fmt: skip
    (tmp_path / "rules.json").write_text(json.dumps({"rules": [rules]}))
    (tmp_path / "migration.toml").write_text(TOML.format(name=databases.name))
    for dsn in (databases.source, databases.target):
        with psycopg.connect(dsn) as connection:
            connection.execute("create table public.t (id int primary key)")
    monkeypatch.setenv("PGCUTOVER_SOURCE_DSN", databases.source)
    monkeypatch.setenv("PGCUTOVER_TARGET_DSN", databases.target)
    return tmp_path


def test_before_a_cutover_nothing_is_known(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["watch", "--migration", str(folder / "migration.toml"), "--once", "--json"]
    assert main(arguments) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "UNKNOWN"
    said = {each["result"]: each["message"] for each in found["results"]}
    assert "the journal records no side that a cutover has opened" in said["AFTER-FENCE[*]"]
    # the run opens no cutover, and no gate takes it for a newer one
    assert not (folder / ".pgcutover" / "after" / "verdict.json").exists()


def test_ctrl_c_ends_it_in_good_order(folder: Path) -> None:
    command = [sys.executable, "-m", "pgcutover", "watch", "--migration", "migration.toml"]
    pipe = subprocess.PIPE
    watch = subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)
    log = folder / ".pgcutover" / "after" / "after.log"
    while not log.exists():
        assert watch.poll() is None
    watch.send_signal(signal.SIGINT)
    out, errors = watch.communicate()
    assert (watch.returncode, out, errors) == (3, "", "")
