"""docs/blind-spots.md says what the fault list says, and the list leaves no check out."""

from compare.lab import CHECKS
from faultlist.everything import SEEN
from faultlist.page import PAGE, page

from pgcutover.checking.docs_pages import packaged_checks

ELSEWHERE = {"READY-TLS", "READY-DISTINCT", "READY-ENCRYPTED", "SCHEMA-DECLARED"}
"""Checks of the lab that no difference between the databases turns red."""


def test_the_page_is_what_the_list_says() -> None:
    written = page(packaged_checks())
    assert PAGE.read_text("utf-8") == written, (
        "docs/blind-spots.md is behind; run: python tests/checks/faultlist/page.py"
    )


def test_every_comparing_check_has_a_fault() -> None:
    seeing = {check for fault in SEEN for check in fault.checks}
    assert {check.id for check in CHECKS} == seeing | ELSEWHERE
