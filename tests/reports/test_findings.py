"""Test that findings come first, each once and with advice, and exclusions are listed."""

import re

import pytest

from pgcutover.checking.docs_pages import packaged_checks
from pgcutover.checking.remedies import Remedy, remedy_for
from pgcutover.reports import html
from pgcutover.reports.allure_results import write_results
from pgcutover.reports.findings import gather
from pgcutover.reports.summary import summarise
from pgcutover.verdict import POLICY_NOT_MET, Finding
from pgcutover.verdict_json.document import validate

REMEDY = {"action": "reload the table", "command": "pgcutover reveal out/run 00ff00ff00ff00ff"}


def page_of(document) -> str:
    text = re.sub(r"(?s)<style>.*?</style>|<wbr>", "", html.render(validate(document)))
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def sections_of(document) -> list[str]:
    return re.findall(r'<section id="([a-z-]+)"', html.render(validate(document)))


@pytest.fixture
def failed(make_document, make_result, make_finding):
    """A document with one result whose two findings have the same advice."""
    findings = [
        {**make_finding("public.a", f"rows {kind}", f"public.a: 7 rows {kind}"), "remedy": REMEDY}
        for kind in ("missing", "extra")
    ]
    message = "; ".join(f["message"] for f in findings)
    bad = make_result("DATA-ROWS", "public.a", "FAIL", message=message, findings=findings)
    return make_document("fail", results=[bad])


def test_findings_come_before_everything_that_passes(make_document):
    document = make_document("fail", not_asked=[{"check_id": "DMS-TASK", "reason": "no mover"}])
    assert sections_of(document)[:6] == [
        "verdict", "findings", "not-proven", "not-asked", "sides", "matrix",
    ]  # fmt: skip


def test_each_finding_is_shown_once(failed):
    page = page_of(failed)
    assert page.count("public.a: 7 rows missing") == 1
    assert page.count("public.a: 7 rows extra") == 1


def test_result_of_the_whole_database_is_shown_once(make_document, make_result, make_finding):
    found = make_finding("public.v", "view missing", "view public.v is missing")
    bad = make_result("SCHEMA-VIEWS", "*", "FAIL", message=found["message"], findings=[found])
    assert page_of(make_document("fail", results=[bad])).count("view public.v is missing") == 1


def test_page_and_allure_share_one_advice(failed, tmp_path):
    page = page_of(failed)
    assert page.count("What to do: reload the table.") == 1
    assert page.count(REMEDY["command"]) == 1
    write_results(validate(failed), tmp_path)
    (written,) = (p.read_text() for p in tmp_path.glob("*-result.json") if "a]" in p.read_text())
    assert "what to do: reload the table" in written
    assert REMEDY["command"] in written


def test_policy_is_a_group_of_its_own(make_document, make_result, make_finding):
    found = make_finding("target", POLICY_NOT_MET, "target: sslmode require")
    policy = make_result("READY-TLS", "*", "FAIL", message=found["message"], findings=[found])
    document = make_document("fail", results=[policy])
    page = page_of(document)
    assert "Policies not met" in page
    assert "Differences and faults" not in page
    assert "nothing is known to differ" in summarise(validate(document)).meaning


def test_unknown_results_come_after_differences(make_document, make_result):
    unknown = make_result("DATA-ROWS", "public.a", "UNKNOWN", message="public.a cannot be read")
    bad = make_result("DATA-ROWS", "public.b", "FAIL", message="public.b differs")
    page = page_of(make_document("fail", results=[unknown, bad]))
    heads = [page.index(t) for t in ("Differences and faults", "public.b differs", "Not decided")]
    assert heads == sorted(heads)


def test_a_shared_cause_is_shown_once(make_document, make_result):
    cause = "the expected schema cannot be made"
    results = [make_result(f"SCHEMA-{n}", "*", "UNKNOWN", message=cause) for n in range(3)]
    document = make_document("fail", results=results)
    page = page_of(document)
    assert page.count(cause) == 1
    assert "Also 2 results with the same cause: SCHEMA-1[*]" in page
    found = gather(validate(document))
    assert set(found.anchors) == {0, 1, 2}
    assert len(set(found.anchors.values())) == 1
    assert (found.results, found.shown_results) == (3, 3)


def test_interrupted_run_says_so(make_document):
    document = make_document("unknown")
    document["run"]["interrupted"] = True
    assert "The run was interrupted before its end." in page_of(document)


def test_claims_no_exclusions_only_if_there_are_none(make_document):
    words = "left anything out of the comparison"
    assert words in page_of(make_document("pass", not_proven=[]))
    left = [{"table": "public.a", "column": None, "reason": "excluded by rule 2"}]
    page = page_of(make_document("pass", not_proven=left))
    assert words not in page
    assert "public.a the whole table excluded by rule 2" in page


def test_lists_checks_that_were_not_run(make_document):
    reason = "mover.dms is not set in migration.toml"
    not_asked = [{"check_id": check, "reason": reason} for check in ("DMS-TASK", "DMS-TABLES")]
    page = page_of(make_document("pass", not_asked=not_asked))
    assert page.count(reason) == 1
    assert f"{reason} DMS-TASK DMS-TABLES" in page


@pytest.mark.parametrize("check", packaged_checks(), ids=lambda check: check.id)
def test_every_check_has_advice(check):
    found = remedy_for(check.id, Finding("o", "some kind", "m"), {})
    assert found is not None
    assert found.action[0].islower()
    assert not found.action.endswith(".")


def test_an_incomplete_command_is_omitted():
    rows = Finding("public.a", "rows changed", "m", {"key_hashes": ["00ff"]})
    commands = {"pgcutover": "pgcutover", "run": "out/1"}
    found = remedy_for("DATA-ROWS", rows, commands)
    assert found is not None
    assert found.command == "pgcutover reveal out/1 00ff"
    without_key = Finding("public.a", "rows changed", "m", {"key_hashes": []})
    action = found.action.partition("; the command shows")[0]
    assert remedy_for("DATA-ROWS", without_key, commands) == Remedy(action)
    assert remedy_for("DATA-ROWS", rows, {"pgcutover": "pgcutover"}) == Remedy(action)
    assert remedy_for("MY-CHECK", rows, commands) is None
