"""The commands as an operator runs them, with hooks that drive native subscriptions."""

import io
import json
import sys
from pathlib import Path

import pytest
from cutover.rig import Night

from pgcutover.cli import main
from pgcutover.cutover.journal import journal_path
from pgcutover.cutover.resolver import Side

HOOK = Path(__file__).with_name("mover_hook.py")
NAMES = ("prepare_mover", "fence_mover", "unfence_mover", "start_mover", "finish_mover")
HOOKS = "".join(
    f"""
[cutover.hooks.{name}]
command = [{json.dumps(sys.executable)}, {json.dumps(str(HOOK))}]
pass_env = ["PGCUTOVER_SOURCE_DSN", "PGCUTOVER_TARGET_DSN"]
"""
    for name in NAMES
)
OVERRIDE = ("--override-gate", "--who", "me", "--why", "a test", "--ticket", "T-1")


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    made = Night(tmp_path, databases, monkeypatch, HOOKS)
    yield made
    made.close()


@pytest.fixture
def run(night, capsys, monkeypatch):
    """run(*arguments): the exit code and the output of the command in the migration's folder."""
    monkeypatch.chdir(night.folder)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def called(*arguments):
        code = main(list(arguments))
        printed = capsys.readouterr()
        text = printed.out + printed.err
        assert "password" not in text
        return code, text

    return called


def test_a_night_by_commands(night, run):
    code, text = run("plan")
    assert code == 0
    assert "24  " not in text
    assert "open               POINT OF NO RETURN; in the freeze of at most 20 s" in text
    full = "full comparison; forecast not known yet; budget 20 s; no change ledger:"
    assert f"final gate: {full} [ledger] is not set in migration.toml" in text
    code, text = run("cutover", "--dry-run")
    assert (code, journal_path(night.settings.path).exists()) == (3, False)
    assert "refused: the cutover needs a PASS" in text
    code, text = run("cutover", "--yes")
    assert code == 3
    assert "check gate: the cutover needs a PASS" in text
    code, text = run("cutover", *OVERRIDE)
    assert code == 3
    assert "expected --yes, or a terminal to ask at; found neither" in text
    with night.client():
        code, text = run("cutover", "--yes", *OVERRIDE)
        assert code == 0, text
        assert "the gate is overridden by me: a test, T-1" in text
        night.wait_for_writes(5)
        status = json.loads(run("status", "--json")[1])
        assert status["final_gate"]["method"] == "full comparison"
        assert (status["writer"], status["pointer"]) == ("target", "target")
        assert status["accepts_writes"] == {"source": False, "target": True}
        code, text = run("rollback", "--yes")
        assert code == 0, text
        night.wait_for_writes(5)
    assert night.lost(Side.SOURCE) == []
    code, text = run("status")
    assert (code, "source          accepts writes" in text) == (0, True), text
    assert run("unfreeze")[0] == 0
    code, text = run("finish")
    assert (code, "the cutover is not complete: clients write to the source" in text) == (3, True)


def test_a_dsn_that_leads_to_the_other_side_is_refused(night, run, monkeypatch):
    source = night.databases.source
    for variable, says in (
        ("PGCUTOVER_TARGET_OWNER_DSN", "freeze.target_dsn_env: expected the target, database"),
        ("PGCUTOVER_TARGET_DSN", "source and target are the same database"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(variable, source)
            code, text = run("cutover", "--yes", *OVERRIDE)
        assert (code, says in text) == (3, True), text
        assert not journal_path(night.settings.path).exists()


def test_bad_input_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.json").write_text('{"rules": []}')
    (tmp_path / "migration.toml").write_text(
        'name = "x"\ntable_mappings = "mapping.json"\n'
        '[source]\ndsn_env = "NO_SOURCE"\n[target]\ndsn_env = "NO_TARGET"\n'
    )
    for arguments, says in (
        (["cutover"], "NO_SOURCE is not set (source.dsn_env)"),
        (["cutover", "--override-gate", "--who", "me"], "missing: why, ticket"),
        (["rollback"], "NO_SOURCE is not set"),
        (["status", "--migration", "none.toml"], "none.toml cannot be read"),
    ):
        assert main(arguments) == 3
        assert says in capsys.readouterr().err
