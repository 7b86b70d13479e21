"""Test that every check passes on equal databases."""

from compare.lab import CHECKS, Lab


def test_every_check_passes_on_equal_databases(lab: Lab) -> None:
    results = lab.judge()
    assert (results.red, results.unknown) == ({}, {})
    assert {identity.split("[")[0] for identity in results.green} == {c.id for c in CHECKS}
    assert len(results.green) > 100
