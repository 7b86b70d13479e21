"""Test that docs/blind-spots.md matches the fault list, and that the list covers every check."""

from compare.lab import CHECKS
from faultlist.everything import SEEN
from faultlist.page import PAGE, page

from pgcutover.checking.docs_pages import packaged_checks

ELSEWHERE = {
    "READY-TLS", "READY-DISTINCT", "READY-ENCRYPTED", "READY-CHANGES", "READY-DECODING",
    "READY-TRANSACTIONS", "READY-MOVER-ROLE", "READY-CLOCKS", "READY-DIRECT", "SCHEMA-DECLARED",
}  # fmt: skip
"""Checks of the lab that no difference between the databases turns red."""


def test_the_page_matches_the_fault_list() -> None:
    written = page(packaged_checks())
    assert PAGE.read_text("utf-8") == written, (
        "docs/blind-spots.md is behind; run: python tests/checks/faultlist/page.py"
    )


def test_every_comparing_check_has_a_fault() -> None:
    seeing = {check for fault in SEEN for check in fault.checks}
    assert {check.id for check in CHECKS} == seeing | ELSEWHERE
