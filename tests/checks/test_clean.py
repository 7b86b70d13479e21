"""Test that every check passes on equal databases."""

from compare.lab import CHECKS, Lab


def test_every_check_passes_on_equal_databases(lab: Lab) -> None:
    judged = lab.judge()
    assert (judged.red, judged.unknown) == ({}, {})
    assert {identity.split("[")[0] for identity in judged.green} == {c.id for c in CHECKS}
    assert len(judged.green) > 100
