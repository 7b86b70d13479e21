"""`pgcutover ledger`: a service that Ctrl-C ends and the next start resumes, and its status."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from cutover.test_gate_verdict import PASSED, document
from ledger.rig import MOVED, TOML, Rig

from pgcutover.cli import main
from pgcutover.config import load_settings
from pgcutover.errors import ConfigError
from pgcutover.exit_codes import ExitCode
from pgcutover.ledger.opening import parts_from, require_no_reader, single_reader
from pgcutover.ledger.store import Store

LITTLE_WAL = "max_retained_wal_mb = 0.000001\n"
COMMAND = [sys.executable, "-m", "pgcutover", "ledger"]


@pytest.fixture
def variables(rig: Rig) -> Mapping[str, str]:
    (rig.folder / "rules.json").write_text(json.dumps({"rules": MOVED}))
    (rig.folder / "migration.toml").write_text(TOML.format(slot=rig.slot) + LITTLE_WAL)
    return {
        **os.environ,
        "PGCUTOVER_SOURCE_DSN": rig.databases.source,
        "PGCUTOVER_TARGET_DSN": rig.databases.target,
    }


def run_until(pattern: str, folder: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """Run the service until a line matches, end it as Ctrl-C does; its exit code and lines."""
    with subprocess.Popen(
        [*COMMAND, "run"], cwd=folder, env=variables, stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stderr is not None
        lines = []
        for line in service.stderr:
            lines.append(line)
            if re.search(pattern, line):
                service.send_signal(signal.SIGINT)
        return service.wait(), "".join(lines)


def test_the_service_is_ended_and_resumed_and_tells_its_state(
    rig: Rig,
    variables: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rig.both("create table app.keyless (n int)")
    code, lines = run_until("open keys", rig.folder, variables)
    assert code == 128 + signal.SIGINT
    assert "following 2 tables by slot" in lines
    assert "app.keyless is not followed: it has no key" in lines
    rig.run("source", "insert into app.a select n from generate_series(1, 50) n")
    code, _ = run_until("open keys: [0-9]+, the oldest", rig.folder, variables)
    assert code == 128 + signal.SIGINT
    for name in ("PGCUTOVER_SOURCE_DSN", "PGCUTOVER_TARGET_DSN"):
        monkeypatch.setenv(name, variables[name])
    capsys.readouterr()
    monkeypatch.chdir(rig.folder)
    latest = rig.folder / "out" / "latest"
    latest.mkdir(parents=True)
    result = {**PASSED, "object": "app.keyless", "duration_seconds": 2.5}
    (latest / "verdict.json").write_text(json.dumps(document(results=[result])))
    migration = str(rig.folder / "migration.toml")
    assert main(["ledger", "--migration", migration, "status", "--json"]) == ExitCode.PASS
    printed = capsys.readouterr().out
    state = json.loads(printed)
    assert state["open_keys_by_table"] == {"app.a": 50}
    assert state["whole_tables"]["app.keyless"] == "it has no key"
    assert state["whole_table_seconds"]["app.keyless"] == 2.5
    assert state["faults"] == []
    assert [text.split(":")[0] for text in state["warnings"]] == ["source", "target"]
    assert "ledger.max_retained_wal_mb" in state["warnings"][0]
    assert rig.databases.source not in printed + lines


def test_the_ledgers_have_one_reader_and_the_cutover_says_so_at_once(
    rig: Rig, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGCUTOVER_SOURCE_DSN", "PGCUTOVER_TARGET_DSN"):
        monkeypatch.setenv(name, variables[name])
    settings = load_settings(rig.folder / "migration.toml")
    require_no_reader(settings)  # no ledger yet
    parts = parts_from(settings)
    with closing(parts.comparer), closing(Store(parts.path)), single_reader(parts):
        with pytest.raises(ConfigError, match='no "pgcutover ledger run" beside a cutover'):
            require_no_reader(settings)
        with pytest.raises(ConfigError, match="end it first"), single_reader(parts):
            pass
    require_no_reader(settings)
