"""Equal databases are green in every check."""

from compare.lab import CHECKS, Lab


def test_equal_databases_are_green_everywhere(lab: Lab) -> None:
    judged = lab.judge()
    assert (judged.red, judged.unknown) == ({}, {})
    assert {identity.split("[")[0] for identity in judged.green} == {c.id for c in CHECKS}
    assert len(judged.green) > 100
