"""Test that every component uses the one table of exit codes."""

import runpy
from pathlib import Path

import pytest

from pgcutover.exit_codes import ExitCode, markdown_table
from pgcutover.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]


def test_readme_shows_the_table():
    assert markdown_table() in (ROOT / "README.md").read_text("utf-8")


def test_bootstrap_uses_the_codes_and_names_them():
    bootstrap = runpy.run_path(str(ROOT / "bootstrap.py"))
    assert bootstrap["CANNOT_START"] == ExitCode.UNKNOWN
    assert bootstrap["WRONG_CALL"] == ExitCode.USAGE
    words = {"PASS": "PASS", "FAIL": "FAIL", "INTERRUPTED": "interrupted", "UNKNOWN": "UNKNOWN"}
    for name, word in words.items():
        assert f"{ExitCode[name]:d} {word}" in bootstrap["__doc__"]


def test_codes_that_pytest_sets_are_those_of_pytest():
    assert ExitCode.INTERRUPTED == pytest.ExitCode.INTERRUPTED
    assert ExitCode.USAGE == pytest.ExitCode.USAGE_ERROR
    assert ExitCode.UNKNOWN == pytest.ExitCode.INTERNAL_ERROR


def test_every_verdict_has_its_code():
    assert [v.exit_code for v in Verdict] == [0, 3, 1]
