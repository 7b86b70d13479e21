"""Test that verdict.json and the sign-off page state only facts of the run."""

import re

from pgcutover.config import load_settings
from pgcutover.cutover.gates.verdict_ledger import ExpectedLedgers, find_ledger_reasons
from pgcutover.key_hash.secret import find_secret
from pgcutover.ledger.identity import find_faults, read_identity
from pgcutover.ledger.ledgers import open_ledgers
from pgcutover.ledger.opening import parts_from
from pgcutover.verdict_json.document import ChangeLedger
from pgcutover.verdict_json.seal import is_sealed


def page_of(outcome) -> str:
    """Return the text of the sign-off page without its markup."""
    text = (outcome.out / "signoff.html").read_text()
    body = re.sub(r"(?s)<style>.*?</style>|<wbr>", "", text)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_names_no_mover_if_none_is_configured(migration):
    outcome = migration.gate("-n", "0")
    assert outcome.document["migration"]["mover"] is None
    page = page_of(outcome)
    assert "No mover is configured" in page
    assert "Mover: " not in page


LEDGER = """
[ledger]
source_dsn_env = "PGCUTOVER_SOURCE_DSN"
target_dsn_env = "PGCUTOVER_TARGET_DSN"
slot = "{}"
"""


def begin_ledgers(migration, monkeypatch):
    """Begin the change ledgers of the migration; return its settings."""
    for name, value in migration.environment.items():
        monkeypatch.setenv(name, value)
    toml = migration.folder / "migration.toml"
    toml.write_text(toml.read_text() + LEDGER.format(migration.databases.name))
    settings = load_settings(toml)
    open_ledgers(parts_from(settings)).close()
    return settings


def test_only_a_pass_has_a_date_of_expiry_and_every_verdict_a_seal_and_its_ledgers(
    migration, monkeypatch
):
    settings = begin_ledgers(migration, monkeypatch)
    outcome = migration.gate("-n", "0")
    assert outcome.document["run"]["expires_at"]
    ledger = ChangeLedger.model_validate(outcome.document["ledger"])
    assert [each.table for each in ledger.comparisons] == ["public.people", "public.visits"]
    now = ExpectedLedgers(read_identity(settings), tuple(find_faults(settings)))
    assert list(find_ledger_reasons(ledger, now)) == []
    verdict = outcome.out / "verdict.json"
    secret = find_secret(migration.folder / "migration.toml", create=False)
    assert is_sealed(verdict, verdict.read_bytes(), secret)
    migration.on_target("delete from visits where id = 3")
    outcome = migration.gate("-n", "0")
    assert outcome.document["run"]["expires_at"] is None
    assert "Valid until not valid for a cutover" in page_of(outcome)


def test_missing_result_of_an_index_belongs_to_its_table(migration):
    outcome = migration.gate("-n", "0", "-k", "DATA")
    holes = outcome.document["coverage"]["holes"]
    tables = {hole["object"]: hole["table"] for hole in holes}
    assert tables["public.visits_person_idx"] == "public.visits"
    assert tables["public.people"] == "public.people"
    assert tables["*"] == ""
