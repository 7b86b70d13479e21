"""Test that arguments reach the environment's command, and its exit code is returned."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

ODD = ["a b", "it's", '"q"', "back\\slash", "{x}", "{posargs}", "$HOME", "#h", "", "--", "t[x y]"]


def called(done: Any) -> Any:
    """Return the command's report of its call."""
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


@pytest.mark.parametrize("code", [0, 1, 3, 5])
def test_exit_code_of_the_command_comes_back(ready: Any, code: int) -> None:
    assert ready.run("gate", str(code)).returncode == code


@pytest.mark.parametrize("form", [["gate"], ["test"], ["-e", "other", "--"]])
def test_arguments_reach_the_command_unchanged(ready: Any, form: list[str]) -> None:
    done = ready.run(*form, "0", *ODD)
    assert called(done)["words"] == ["0", *ODD]


def test_rehearse_runs_the_command_of_the_gate_with_its_option(ready: Any) -> None:
    call = called(ready.run("rehearse", "--scale", "5"))
    assert call["words"] == ["--rehearse", "--stop-after", "night", "--scale", "5"]
    assert call["prefix"] == str(ready.folder / ".tox" / "gate")


def test_command_runs_in_the_checkout_called_from_anywhere(ready: Any) -> None:
    call = called(ready.run("gate"))
    assert call["cwd"] == str(ready.folder)
    assert call["prefix"] == str(ready.folder / ".tox" / "gate")


def test_short_form_prints_only_what_its_command_prints(ready: Any) -> None:
    done = ready.run("gate")
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_changed_project_is_installed_again_once(ready: Any) -> None:
    (ready.folder / "pyproject.toml").write_text(f"# pulled at {time.time_ns()}\n")
    first, second = ready.run("gate"), ready.run("gate")
    assert "installing the packages of gate" in first.stderr
    assert second.stderr == ""


def test_moved_checkout_works(ready: Any) -> None:
    elsewhere = ready.folder.with_name("moved elsewhere")
    ready.folder.rename(elsewhere)
    try:
        call = called(type(ready)(elsewhere).run("gate"))
    finally:
        elsewhere.rename(ready.folder)
    assert call["prefix"] == str(elsewhere / ".tox" / "gate")


def test_outer_tox_does_not_lead_the_inner_one_astray(ready: Any, tmp_path: Path) -> None:
    outer = {"TOX_WORK_DIR": str(tmp_path), "TOX_ENV_NAME": "outer", "TOX_ENV_DIR": str(tmp_path)}
    call = called(ready.run("gate", env={**outer, "PYTHONPATH": str(tmp_path)}))
    assert call["prefix"] == str(ready.folder / ".tox" / "gate")


@pytest.mark.parametrize("words", [[], ["gat"], ["-e"], ["-e", "lint", "--fix"]])
def test_wrong_call_shows_the_right_ones(checkout: Any, words: list[str]) -> None:
    done = checkout.run(*words)
    assert done.returncode == 4
    assert "bootstrap.py gate [ARGS]" in done.stderr
    assert not (checkout.folder / ".venv").exists()


def test_help_explains_the_exit_codes(checkout: Any) -> None:
    done = checkout.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 UNKNOWN" in done.stdout


def test_unknown_environment_is_named(ready: Any) -> None:
    done = ready.run("-e", "nosuch")
    assert done.returncode == 3
    assert "nosuch" in done.stderr.splitlines()[-1]
