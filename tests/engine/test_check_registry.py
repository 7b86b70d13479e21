"""Checks are known from their files, whatever pytest collects."""

from pathlib import Path

import pytest

from pgcutover.check_registry import HEADINGS, STAGES, find_checks
from pgcutover.cli import page
from pgcutover.errors import PgCutoverError
from pgcutover.generated_docs import packaged_checks

CHECK = '''"""Rows match.

Fails when: a row differs,
  or is missing.
Cannot see: sequences.
Needs: SELECT.
Costs: one scan.
"""
import pytest


@pytest.mark.check("DATA-ROWS")
def test_rows(table, comparer):
    assert not comparer.rows(table)
'''


def write(folder: Path, text: str, name: str = "test_rows.py") -> Path:
    (folder / "load").mkdir(exist_ok=True)
    (folder / "load" / name).write_text(text)
    return folder


def test_reads_id_stage_arguments_and_headings(tmp_path):
    (check,) = find_checks(write(tmp_path, CHECK))
    assert (check.id, check.stage, check.title) == ("DATA-ROWS", "load", "Rows match")
    assert check.arguments == ("table", "comparer")
    assert check.fails_when == "a row differs, or is missing."
    assert check.costs == "one scan."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CHECK.replace('@pytest.mark.check("DATA-ROWS")\n', ""), "expected one test function"),
        (CHECK + "\n\ndef test_more():\n    pass\n", "found 2 test functions"),
    ],
)
def test_refuses_a_file_that_is_no_check(tmp_path, text, expected):
    with pytest.raises(PgCutoverError, match=expected):
        find_checks(write(tmp_path, text))


def test_refuses_the_same_id_twice(tmp_path):
    write(tmp_path, CHECK)
    with pytest.raises(PgCutoverError, match="same id"):
        find_checks(write(tmp_path, CHECK, "test_more.py"))


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(PgCutoverError, match="found 0"):
        find_checks(tmp_path)


def test_every_check_says_what_it_sees_and_costs():
    checks = packaged_checks()
    assert len(checks) > 8
    for check in checks:
        assert check.title
        assert check.stage in STAGES
        texts = (check.fails_when, check.cannot_see, check.needs, check.costs)
        assert all(texts), f"{check.id} lacks one of {HEADINGS}"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("checks", "checks.md"),
        ("keys", "migration-toml.md"),
        ("config-schema", "migration.schema.json"),
        ("options", "options.md"),
        ("verdict", "verdict-json.md"),
        ("verdict-schema", "verdict.schema.json"),
    ],
)
def test_documented_lists_are_those_of_the_code(pytestconfig, name, file):
    written = (pytestconfig.rootpath / "docs" / file).read_text("utf-8")
    assert written == page(name), f"docs/{file} is behind; run: pgcutover pages {name}"
