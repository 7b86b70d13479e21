"""The stage freeze of the suite, run warm by a cutover."""

import json
import os
import socket
import time
from pathlib import Path

import pytest
from compare.lab import rule
from freeze.conftest import Site, site_on, statement_result
from psycopg.conninfo import make_conninfo
from support.servers import Pair

from pgcutover.catalog import read_manifest
from pgcutover.connect import open_side, open_writer
from pgcutover.errors import FreezeError, PgCutoverError
from pgcutover.freeze import FreezeState, FreezeVerdict, WarmGate, fence_mover_role
from pgcutover.freeze.channel import Channel
from pgcutover.freeze.since_gate import changed_since, refuse_changes
from pgcutover.mapping import parse_rules
from pgcutover.schema.collect import read_schemas

MIGRATION = """
name = "warm"
table_mappings = "rules.json"
[source]
dsn_env = "PGCUTOVER_SOURCE"
[target]
dsn_env = "PGCUTOVER_TARGET"
[schema]
scratch_dsn_env = "PGCUTOVER_SCRATCH"
marker_table = "app.marker"
"""
QUESTIONS = {
    "FREEZE-BUDGET", "FREEZE-JOBS", "FREEZE-MOVER", "FREEZE-SCHEMA", "FREEZE-SEQUENCES",
    "FREEZE-WRITERS",
}  # fmt: skip


RULES_JSON = {"rules": [rule(1, "selection", "include", "app", "%")]}
RULES = parse_rules(RULES_JSON, "rules.json")


def migration(folder: Path) -> Path:
    (folder / "rules.json").write_text(json.dumps(RULES_JSON))
    (folder / "migration.toml").write_text(MIGRATION)
    return folder / "migration.toml"


def test_the_stage_freeze_is_judged_by_a_warm_process(
    site: Site, pair: Pair, tmp_path: Path
) -> None:
    with site_on(pair.target) as target, open_writer(target.dsn) as owner:
        environment = {
            **{name: value for name, value in os.environ.items() if "PYTEST" not in name},
            "PGCUTOVER_SOURCE": site.dsn,
            "PGCUTOVER_TARGET": target.dsn,
            "PGCUTOVER_SCRATCH": make_conninfo(target.dsn, dbname="postgres"),
        }
        out, role = tmp_path / "final-gate", target.roles["app"]
        passed = tmp_path / "passed"
        save_schemas(site, target, passed)
        with site.freeze(budget_seconds=60.0) as freeze:
            with WarmGate(migration(tmp_path), out, environment) as gate:
                gate.start("source", passed, 60)
                freeze.prepare()
                gate.hold()
                freeze.lock()
                fence_mover_role(owner, role)
                state = FreezeState(freeze.backend_pid or 0, time.time(), 60.0, 1.0, role)
                verdict = gate.judge(state, 30)
                gate.wait_for_evidence()
            assert verdict == FreezeVerdict("PASS", ()), (out / "final-gate.log").read_text()
            document = json.loads((out / "freeze-verdict.json").read_text())
            results = {r["check_id"]: r["verdict"] for r in document["results"]}
            assert results == dict.fromkeys(QUESTIONS, "PASS")
            # under that name no cutover opens: the verdict is about the freeze alone
            assert not (out / "verdict.json").exists()
        definitions_changed_since_the_gate(site, target, passed, out)


def save_schemas(source: Site, target: Site, folder: Path) -> None:
    """Write the files about both schemas that a gate writes."""
    with open_side("source", source.dsn) as one, open_side("target", target.dsn) as other:
        manifest = read_manifest(one, other, RULES)
    read_schemas(source.dsn, target.dsn, manifest, ()).save(folder / "schema")


def definitions_changed_since_the_gate(source: Site, target: Site, passed: Path, now: Path) -> None:
    assert list(changed_since(passed, now)) == []
    assert statement_result(source.dsn, "alter table app.plain add later int") == "ok"
    assert statement_result(target.dsn, "create publication own for table app.plain") == "ok"
    assert statement_result(target.dsn, "drop table app.heir") == "ok"
    save_schemas(source, target, now)
    found = list(changed_since(passed, now))
    assert "column app.plain.later of the source was created since the gate passed" in found
    assert "table app.heir of the target was dropped since the gate passed" in found
    assert not [line for line in found if "publication" in line]
    with pytest.raises(FreezeError, match="more; run the gate again"):
        refuse_changes(passed, now)
    assert statement_result(source.dsn, "alter table app.plain drop later") == "ok"


def test_a_gate_whose_process_ends_gives_no_verdict() -> None:
    ours, theirs = socket.socketpair()
    channel, other = Channel(ours), Channel(theirs)
    other.send("refused", message="the source cannot be reached")
    with pytest.raises(PgCutoverError, match=r"expected ready .* the source cannot be reached"):
        channel.receive("ready", timeout_seconds=1)
    with pytest.raises(PgCutoverError, match=r"no held arrived .* within 0\.01 s"):
        channel.receive("held", timeout_seconds=0.01)
    other.close()
    with pytest.raises(PgCutoverError, match=r"has ended|it sent 'end'"):
        channel.receive("verdict", timeout_seconds=1)
    channel.close()
