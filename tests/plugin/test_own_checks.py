"""Test user-defined checks: expected like built-in ones, and refused if they cannot run."""

import pytest
from support import contributing

from pgcutover.checking.docs_pages import packaged_checks

PASS, FAIL, UNKNOWN = 0, 1, 3


@pytest.fixture
def with_check(migration):
    """The small migration with the check of CONTRIBUTING.md added."""
    file = migration.folder / contributing.FILE
    file.parent.mkdir(parents=True)
    file.write_text(contributing.CHECK)
    toml = migration.folder / "migration.toml"
    toml.write_text(f"{toml.read_text()}\n{contributing.TOML}")
    return migration


SCHEMA_CHECK = '''"""A schema is known.

Fails when: never.
Cannot see: anything.
Needs: nothing.
Costs: nothing.
"""

import pytest


@pytest.mark.check("READY-SCHEMA")
def test_a_schema_is_known(mapped_schema):
    assert mapped_schema == "public", "another schema"
'''


def test_the_examples_of_contributing_pass_and_are_expected(with_check):
    (with_check.folder / contributing.KINDS_FILE).write_text(contributing.KINDS)
    file = with_check.folder / contributing.FILE
    file.with_name("test_a_schema_is_known.py").write_text(SCHEMA_CHECK)
    outcome = with_check.gate("-n", "2")
    assert (outcome.code, outcome.verdict) == (PASS, "PASS"), outcome.text
    assert outcome.verdicts("READY-LOGGED") == {"public.people": "PASS", "public.visits": "PASS"}
    assert outcome.verdicts("READY-SCHEMA") == {"public": "PASS"}
    assert "READY-LOGGED" in {check["id"] for check in outcome.document["checks"]}


def test_the_example_of_contributing_fails(with_check):
    with_check.on_target("alter table visits set unlogged")
    outcome = with_check.gate("-n", "0", "-k", "logged")
    assert outcome.code == FAIL
    assert outcome.verdicts("READY-LOGGED") == {"public.people": "PASS", "public.visits": "FAIL"}
    assert "public.visits is unlogged; run: alter table public.visits set logged" in outcome.text


def test_a_check_that_does_not_run_is_missing(with_check):
    outcome = with_check.gate("-n", "0", "-k", "distinct or two_databases")
    assert outcome.code == UNKNOWN
    holes = {hole["check_id"] for hole in outcome.document["coverage"]["holes"]}
    assert "READY-LOGGED" in holes


def test_a_file_that_is_no_check_is_refused_at_the_start(with_check):
    file = with_check.folder / contributing.FILE
    file.with_name("test_more.py").write_text("def test_more():\n    pass\n")
    outcome = with_check.gate()
    assert outcome.code == 4
    (line,) = outcome.text.strip().splitlines()
    assert "readiness/test_more.py: expected one test function marked with @pytest.mark" in line


def test_an_assert_without_a_message_shows_no_value(with_check):
    file = with_check.folder / contributing.FILE
    query = 'run_query("target", "select name from public.people where id = 7")'
    head, _, _ = contributing.CHECK.partition("    source = run_query")
    file.write_text(f"{head}    assert {query} == []\n")
    outcome = with_check.gate("-n", "0", "-k", "logged")
    assert outcome.code == FAIL
    assert "failed without a message" in outcome.text
    assert "name 7" not in outcome.text


IN_FREEZE = {
    "FREEZE-BUDGET", "FREEZE-JOBS", "FREEZE-MOVER", "FREEZE-SCHEMA", "FREEZE-SEQUENCES",
    "FREEZE-WRITERS",
}  # fmt: skip

SMOKE_REASON = "only a cutover asks it, before it opens the side that clients are sent to"
IN_SMOKE = {"SMOKE-INSERTS", "SMOKE-LOGIN", "SMOKE-LOGS", "SMOKE-NAMES", "SMOKE-PLANS"}

DUAL = {"DUAL-RECENT", "DUAL-SEQUENCES", "DUAL-TRIGGERS"}

AFTER = {c.id for c in packaged_checks() if c.stage == "after"}


def test_checks_that_are_not_run_are_listed_with_their_reason(migration):
    toml = migration.folder / "migration.toml"
    toml.write_text(toml.read_text().partition("[tables")[0])
    outcome = migration.gate("-n", "0", "-k", "distinct or two_databases")
    reasons = {each["check_id"]: each["reason"] for each in outcome.document["not_asked"]}
    assert reasons == {
        "SCHEMA-AMCHECK": "schema.amcheck is off in migration.toml",
        "SCHEMA-SCRIPTS": "schema.scripts is not set in migration.toml",
        "DATA-EXPECTATIONS": "expectations is not set in migration.toml",
        "DATA-RECENT": "no table has a recent_column in migration.toml",
        "DMS-TASK": "mover.dms is not set in migration.toml",
        "DMS-TABLES": "mover.dms is not set in migration.toml",
        "OUTBOX": "outbox.source_dsn_env is not set in migration.toml",
        "READY-DMS-TABLES": "mover.dms is not set in migration.toml",
        "READY-MOVER-ROLE": "mover.target_role is not set in migration.toml",
        **dict.fromkeys(DUAL, "dual_write.application_role is not set in migration.toml"),
        **dict.fromkeys(IN_FREEZE, "only a cutover asks it, within its freeze"),
        **dict.fromkeys(IN_SMOKE, SMOKE_REASON),
        **dict.fromkeys(AFTER, "only pgcutover watch asks it, once a cutover has opened a side"),
    }
    assert "DMS-TABLES, DMS-TASK: mover.dms is not set" in outcome.text
    assert f"running {len(outcome.document['checks']) - len(reasons)} checks, " in outcome.text


def test_a_row_in_a_dms_control_table_fails_without_a_mover(migration):
    migration.on_target(
        "create table awsdms_apply_exceptions (table_owner text, table_name text);"
        "insert into awsdms_apply_exceptions values ('public', 'people')"
    )
    outcome = migration.gate("-n", "0", "-k", "refused")
    assert outcome.verdicts("DMS-EXCEPTIONS") == {"*": "FAIL"}
