"""Verdicts that do not open the cutover, each refused with its reason; one that does."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.gates.gate_verdict import Expected, Override, require_pass
from pgcutover.cutover.gates.verdict_ledger import ExpectedLedgers
from pgcutover.key_hash.hashing import KeySecret
from pgcutover.ledger.identity import LedgerIdentity
from pgcutover.ledger.model import SlotState
from pgcutover.sides import Sides
from pgcutover.verdict_json.seal import write_seal

NOW = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
SECRET = KeySecret(b"s" * 32, "a test")
EXPECTED = Expected("kgc", "c" * 64, "0.1.0", Sides(("7001", "kgc"), ("7002", "kgc")))
RUN = "20261201T010000Z-1f"


def side(system_identifier):
    return {
        "server_version": "15",
        "system_identifier": system_identifier,
        "database": "kgc",
        "lsn": "0/1",
        "tls": "TLSv1.3",
    }


PASSED = {
    "check_id": "DATA-ROWS",
    "object": "public.t",
    "stage": "load",
    "verdict": "PASS",
    "message": "",
    "findings": [],
    "duration_seconds": 1.0,
    "worker": "gw0",
}


def document(run=RUN, **changes):
    """Return a verdict that opens the cutover, with changes such as migration__name="other"."""
    plain = {
        "format": 2,
        "verdict": "PASS",
        "reasons": [],
        "migration": {
            "name": "kgc",
            "config_sha256": "c" * 64,
            "suite_version": "0.1.0",
            "rehearsal": False,
            "sabotage": None,
            "mover": "dms",
        },
        "run": {
            "id": run,
            "started_at": (NOW - timedelta(hours=1)).isoformat(),
            "finished_at": (NOW - timedelta(minutes=30)).isoformat(),
            "duration_seconds": 1800.0,
            "expires_at": (NOW + timedelta(hours=3)).isoformat(),
            "interrupted": False,
        },
        "source": side("7001"),
        "target": side("7002"),
        "key_secret_id": "x",
        "coverage": {"expected": 1, "reported": 1, "holes": [], "unexpected": []},
        "results": [PASSED],
        "evidence": {"manifest.json": sha256(b"{}").hexdigest()},
    }
    lists = ("checks", "not_asked", "tables", "not_proven", "declared_differences")
    plain |= {name: [] for name in (*lists, "provisioning", "timings")}
    for place, value in changes.items():
        section, _, key = place.partition("__")
        if key:
            plain[section] = {**plain[section], key: value}
        else:
            plain[section] = value
    return plain


def write(folder: Path, plain, secret=SECRET) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text("{}")
    path = folder / "verdict.json"
    path.write_text(json.dumps(plain))
    write_seal(path, secret)
    return path


def refused(path, says, expected=EXPECTED):
    with pytest.raises(RefusedError, match=says) as caught:
        require_pass(path, expected, SECRET, NOW)
    return str(caught.value)


def test_a_fresh_pass_of_exactly_this_migration_opens(tmp_path):
    path = write(tmp_path / RUN, document())
    assert require_pass(path, EXPECTED, SECRET, NOW).run.id == RUN


RESULT = document()["results"][0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"verdict": "UNKNOWN"}, "expected PASS, found UNKNOWN"),
        ({"verdict": "FAIL"}, "expected PASS, found FAIL"),
        ({"run__interrupted": True}, "it is partial"),
        ({"coverage__reported": 0}, "it is partial: 0 of 1 expected results were reported"),
        ({"results": [{**RESULT, "verdict": "FAIL"}]}, "results other than PASS: 1"),
        ({"migration__rehearsal": True}, "it is a rehearsal's"),
        ({"migration__sabotage": "lost_row"}, "it is a rehearsal's"),
        ({"migration__name": "other"}, "migration: expected 'kgc', found 'other'"),
        ({"migration__suite_version": "0.0.9"}, "suite version: expected '0.1.0', found '0.0.9'"),
        ({"migration__config_sha256": "d" * 64}, "configuration: expected 'cccccccccccc', found"),
        ({"source__system_identifier": "7009"}, "source: expected system identifier 7001"),
        ({"target__database": "kgc2"}, "target: .* database kgc, found 7002, kgc2"),
        ({"run__expires_at": (NOW - timedelta(seconds=1)).isoformat()}, "it expired at 2026-12"),
        ({"run__expires_at": None}, "it never opened a cutover"),
        ({"run__finished_at": (NOW + timedelta(hours=1)).isoformat()}, "a clock was set"),
        ({"evidence": {"manifest.json": "0" * 64}}, "evidence was changed .*: manifest.json"),
    ],
)
def test_a_verdict_that_does_not_fit_is_refused_with_the_reason(tmp_path, changes, says):
    text = refused(write(tmp_path / RUN, document(**changes)), says)
    assert text.endswith("Run the gate again")
    assert text.count(";") == 0


def test_all_reasons_are_listed_at_once(tmp_path):
    text = refused(
        write(tmp_path / RUN, document(verdict="FAIL", migration__name="other")), "expected PASS"
    )
    assert "migration: expected" in text


def test_a_verdict_made_without_the_ledgers_of_today_is_refused(tmp_path):
    path = write(tmp_path / RUN, document())
    state = SlotState("s", "7001", 1, "pgoutput", "kgc", 900, "5:5:")
    ledgers = ExpectedLedgers(LedgerIdentity("a1", Sides(state, state)))
    expected = replace(EXPECTED, ledgers=ledgers)
    refused(path, "it was made without the change ledgers", expected)
    slot = {name: getattr(state, name) for name in
            ("slot", "system_identifier", "timeline", "database", "snapshot")}  # fmt: skip
    sides = {"source": {**slot, "position": "0/384"}, "target": {**slot, "position": "0/384"}}
    write(tmp_path / RUN, document(ledger={"id": "b2", **sides, "comparisons": []}))
    refused(path, "expected those of today .a1., found b2", expected)
    other = {**sides, "target": {**sides["target"], "snapshot": "4:4:"}}
    write(tmp_path / RUN, document(ledger={"id": "a1", **other, "comparisons": []}))
    refused(path, "target: snapshot of the ledger: expected 5:5:, found 4:4:", expected)
    write(tmp_path / RUN, document(ledger={"id": "a1", **sides, "comparisons": []}))
    assert require_pass(path, expected, SECRET, NOW)


def test_an_edited_verdict_is_refused(tmp_path):
    path = write(tmp_path / RUN, document(verdict="FAIL"))
    path.write_text(json.dumps(document()))
    refused(path, "its seal is missing or not that of this file: it was edited")
    path.with_name("verdict.seal").unlink()
    refused(path, "its seal is missing")


def test_a_copied_verdict_is_refused(tmp_path):
    write(tmp_path / RUN, document())
    shutil.copytree(tmp_path / RUN, tmp_path / "elsewhere" / RUN)
    refused(tmp_path / "elsewhere" / RUN / "verdict.json", "copied")


def test_a_foreign_verdict_is_refused(tmp_path):
    path = write(tmp_path / RUN, document(), KeySecret(b"o" * 32, "another machine"))
    refused(path, "written with another key secret")


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "UNKNOWN"])
def test_an_older_verdict_is_refused_whatever_the_newer_one_says(tmp_path, verdict):
    path = write(tmp_path / RUN, document())
    write(tmp_path / "20261201T013000Z-1f", document("20261201T013000Z-1f", verdict=verdict))
    refused(path, "the run 20261201T013000Z-1f is newer")


def test_a_newer_rehearsal_or_another_migrations_run_does_not_count(tmp_path):
    path = write(tmp_path / RUN, document())
    write(tmp_path / "a", document("20261201T013000Z-1f", migration__rehearsal=True))
    write(tmp_path / "b", document("20261201T013000Z-1f", migration__name="other"))
    assert require_pass(path, EXPECTED, SECRET, NOW)


def test_a_missing_verdict_is_refused(tmp_path):
    refused(tmp_path / "verdict.json", "the cutover needs a PASS: .*; run the gate")


def test_another_suite_version_of_the_tool_itself_is_refused(tmp_path):
    path = write(tmp_path / RUN, document())
    refused(path, "suite version", replace(EXPECTED, suite_version="0.2.0"))


@pytest.mark.parametrize(
    ("values", "missing"),
    [(("", "why", "T-1"), "who"), (("me", " ", "T-1"), "why"), (("me", "why", ""), "ticket")],
)
def test_an_override_needs_who_why_and_ticket(values, missing):
    with pytest.raises(RefusedError, match=f"missing: {missing}"):
        Override(*values)
