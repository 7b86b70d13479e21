"""Test that the fault row in CONTRIBUTING.md makes the check in CONTRIBUTING.md fail."""

import compare.lab
from compare.lab import Lab, run
from faultlist.model import Fault, of
from support import contributing

from pgcutover.checking.registry import find_checks


def test_the_fault_makes_the_check_fail(own_lab: Lab, tmp_path, monkeypatch) -> None:
    file = tmp_path / contributing.FILE
    file.parent.mkdir(parents=True)
    file.write_text(contributing.CHECK)
    (check,) = find_checks(tmp_path / "checks")
    code: dict[str, object] = {}
    exec(contributing.CHECK, code)  # noqa: S102 - our own page
    monkeypatch.setattr(compare.lab, "CHECKS", (check,))
    monkeypatch.setitem(compare.lab.FUNCTIONS, check.id, code["test_no_table_became_unlogged"])
    assert own_lab.judge().red == {}
    fault = eval(contributing.FAULT, {"Fault": Fault, "of": of})  # noqa: S307 - our own page
    run(own_lab.target, fault.target)
    results = own_lab.judge()
    assert results.red.keys() == fault.red
    assert all(words in results.text for words in fault.says)
