"""Test the check in a gate run: results by table, with evidence and without values."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from .rig import expect

SECRET = "Zq7secret"
SCHEMA = f"""
create table right_ones (id int primary key, name text);
create table wrong_ones (id int primary key, name text);
create table odd_ones (id int primary key);
create table unasked (id int primary key);
insert into right_ones values (1, 'a'), (2, 'b');
insert into wrong_ones values (1, 'a'), (2, '{SECRET}');
"""
MIGRATION = """
name = "small"
table_mappings = "mapping.json"
expectations = "suites"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[schema]
scratch_dsn_env = "PGCUTOVER_SCRATCH_DSN"
[budgets]
max_source_load = 1
"""
EVERYTHING = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "all",
    "object-locator": {"schema-name": "public", "table-name": "%"},
    "rule-action": "include",
}


@pytest.fixture
def outcome(databases, tmp_path):
    """The output, exit code and files of a gate run over the four tables."""
    for dsn in (databases.source, databases.target):
        with psycopg.connect(dsn) as conn:
            conn.execute(SCHEMA)
    (tmp_path / "suites").mkdir()
    for name in ("right_ones", "wrong_ones", "odd_ones"):
        suite = {
            "name": f"public.{name}",
            "expectations": [
                expect("column_values_to_match_regex", column="name", regex="^[ab]$"),
            ],
        }
        (tmp_path / "suites" / f"public.{name}.json").write_text(json.dumps(suite))
    (tmp_path / "migration.toml").write_text(MIGRATION)
    (tmp_path / "mapping.json").write_text(json.dumps({"rules": [EVERYTHING]}))
    return _gate(tmp_path, databases)


def _gate(folder, databases):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    dsns = {
        "PGCUTOVER_SOURCE_DSN": databases.source,
        "PGCUTOVER_TARGET_DSN": databases.target,
        "PGCUTOVER_SCRATCH_DSN": databases.servers.target.dsn(),
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--pyargs", "pgcutover.checks.load", "--out", "out"),
            *("-p", "no:cacheprovider"),
        ],
        cwd=folder,
        env={**environment, **dsns},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_each_table_is_answered_for_and_no_value_is_written(outcome, tmp_path):
    assert outcome.returncode == 1, outcome.stdout
    document = json.loads((tmp_path / "out" / "verdict.json").read_text())
    answers = {r["object"]: r for r in document["results"] if r["check_id"] == "DATA-EXPECTATIONS"}
    assert {name: answer["verdict"] for name, answer in answers.items()} == {
        "public.odd_ones": "UNKNOWN",
        "public.right_ones": "PASS",
        "public.wrong_ones": "FAIL",
    }
    assert "looks at name" in answers["public.odd_ones"]["message"]
    (finding,) = answers["public.wrong_ones"]["findings"]
    assert finding["evidence"] == {
        "expectation": 1,
        "columns": ["name"],
        "rows": 2,
        "unexpected": 1,
    }
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    for text in (outcome.stdout, outcome.stderr, *(p.read_text("utf-8") for p in written)):
        assert SECRET not in text
