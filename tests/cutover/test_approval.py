"""The approval of the point of no return: by whom, and when nobody is asked."""

import io
from dataclasses import replace

import pytest

from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.gates.approval import Approval
from pgcutover.cutover.resolver import State


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def typed(monkeypatch):
    """typed(text): what a person types at a terminal."""
    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


def test_the_migrations_name_approves_and_nothing_else_does(typed, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ops")
    typed("kgc\n")
    assert Approval("kgc", False, False, None)(State()) == {"operator": "ops"}
    for text in ("yes\n", ""):
        typed(text)
        with pytest.raises(RefusedError, match="another text than the migration's name"):
            Approval("kgc", False, False, None)(State())


def test_nobody_is_asked_while_clients_wait(typed):
    typed("kgc\n")
    frozen = replace(State(), writer_fenced=True)
    with pytest.raises(RefusedError, match="while a question waits for its answer"):
        Approval("kgc", False, False, None)(frozen)
    assert Approval("kgc", True, False, None)(frozen)


@pytest.mark.parametrize("second", [None, "", "ops"])
def test_a_second_approver_is_another_person(monkeypatch, second):
    monkeypatch.setenv("LOGNAME", "ops")
    with pytest.raises(RefusedError, match="expected --approved-by NAME of another person"):
        Approval("kgc", True, True, second)(State())
    assert Approval("kgc", True, True, "boss")(State())["approved_by"] == "boss"
