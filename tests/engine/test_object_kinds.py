"""Test the kinds of objects that folders of checks declare."""

import pytest
from support import contributing

from pgcutover.checking.object_kinds import load_kinds
from pgcutover.checking.registry import checks_folder
from pgcutover.context import NO_OBJECTS
from pgcutover.errors import PgCutoverError


def test_the_installed_checks_declare_their_kinds():
    names = {kind.name for kind in load_kinds([checks_folder()], NO_OBJECTS)}
    assert names == {"amcheck_extent", "script_phase", "expected_table", "dms_task", "dms_table"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("KINDS = 1", "expected KINDS = "),
        ("", "expected KINDS = "),
        ("raise ValueError('secret')", "ValueError when it is imported"),
        (contributing.KINDS.replace("mapped_schema", "dms_task"), "'dms_task' exists already"),
        (contributing.KINDS.replace("mapped_schema", "table"), "'table' exists already"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, text, says):
    (tmp_path / "object_kinds.py").write_text(text)
    with pytest.raises(PgCutoverError) as caught:
        load_kinds([checks_folder(), tmp_path], NO_OBJECTS)
    assert says in str(caught.value)
    assert "object_kinds.py" in str(caught.value)
    assert "secret" not in str(caught.value)
