"""Test that checks are read from their files, whatever pytest collects."""

from importlib import import_module
from pathlib import Path

import pytest

from pgcutover.checking.docs_pages import FILES, packaged_checks, page, write_pages
from pgcutover.checking.object_kinds import load_kinds
from pgcutover.checking.registry import HEADINGS, STAGES, checks_folder, find_checks
from pgcutover.errors import PgCutoverError
from pgcutover.plugin.controller import FIXTURE_MODULES

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
        (CHECK.replace('"DATA-ROWS"', "NAME"), "expected @pytest.mark.check"),
        (CHECK.replace('"DATA-ROWS"', '"DATA-ROWS", only_if="x"'), "expected @pytest.mark.check"),
        (CHECK.replace("assert not", "assert not not not ("), "load/test_rows.py: .* at line"),
    ],
)
def test_refuses_a_file_that_is_no_check(tmp_path, text, expected):
    with pytest.raises(PgCutoverError, match=expected):
        find_checks(write(tmp_path, text))


def test_refuses_the_same_id_twice(tmp_path):
    write(tmp_path, CHECK)
    with pytest.raises(PgCutoverError, match="1 check of each id, found more of DATA-ROWS"):
        find_checks(write(tmp_path, CHECK, "test_more.py"))


def test_reads_the_key_without_which_a_check_is_not_asked(tmp_path):
    text = CHECK.replace('"DATA-ROWS"', '"DATA-ROWS", only_where="mover.dms"')
    (check,) = find_checks(write(tmp_path, text))
    assert check.only_where == "mover.dms"


@pytest.mark.parametrize("place", ["test_rows.py", "loads/test_rows.py", "load/more/test_rows.py"])
def test_refuses_a_file_outside_of_a_stage(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(CHECK)
    with pytest.raises(PgCutoverError, match="in a folder named after its stage"):
        find_checks(tmp_path)


def test_several_folders_are_one_list(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()
    write(one, CHECK)
    write(other, CHECK.replace("DATA-ROWS", "MINE"))
    assert [check.id for check in find_checks(one, other)] == ["DATA-ROWS", "MINE"]


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(PgCutoverError, match="found none"):
        find_checks(tmp_path)


def test_every_check_says_what_it_sees_and_costs():
    checks = packaged_checks()
    assert len(checks) > 8
    for check in checks:
        assert check.title
        assert check.stage in STAGES
        texts = (check.fails_when, check.cannot_see, check.needs, check.costs)
        assert all(texts), f"{check.id} lacks one of {HEADINGS}"


@pytest.mark.parametrize("name", FILES)
def test_documented_lists_are_those_of_the_code(pytestconfig, name):
    written = (pytestconfig.rootpath / "docs" / FILES[name]).read_text("utf-8")
    assert written == page(name), f"docs/{FILES[name]} is behind; run: pgcutover pages --write"


def test_pages_are_written_in_a_checkout_only(tmp_path):
    with pytest.raises(PgCutoverError, match="no checkout of pgcutover"):
        [*write_pages(tmp_path)]
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests/checks/faultlist").mkdir(parents=True)
    (tmp_path / "tests/checks/faultlist/page.py").touch()
    written = {path.name for path in write_pages(tmp_path)}
    assert written == {*FILES.values(), "blind-spots.md"}
    assert (tmp_path / "docs" / "checks.md").read_text("utf-8") == page("checks")


def test_every_argument_of_a_check_is_a_registered_fixture_or_a_kind_of_object():
    known = {"freeze_run", "table", "recent_table", "index", "foreign_key"}
    for module in FIXTURE_MODULES:
        known |= {*vars(import_module(f"pgcutover.fixtures.{module}"))}
    known |= {kind.name for kind in load_kinds([checks_folder()], ())}
    unknown = {c.id: {*c.arguments} - known for c in find_checks(checks_folder())}
    assert {check: names for check, names in unknown.items() if names} == {}
