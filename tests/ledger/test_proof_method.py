"""The final gate falls back to a full comparison where no slot can be made, and says so."""

import json

import pytest
from cutover.test_gate_verdict import PASSED, document
from ledger.rig import Rig

from pgcutover.config import Settings
from pgcutover.cutover.gates.comparison_gate import ComparisonGate
from pgcutover.cutover.gates.ledger_gate import LedgerGate
from pgcutover.cutover.gates.proof_method import read_method
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.wiring import Databases, expected_verdict, make_gate
from pgcutover.errors import PgCutoverError
from pgcutover.ledger import obstacles
from pgcutover.ledger.store import FILE


def test_no_slot_on_a_side_is_a_full_comparison_with_its_forecast(
    migration: tuple[Rig, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, settings = migration
    folder = settings.path.parent
    monkeypatch.chdir(folder)
    assert read_method(settings).describe() == ("change ledger; forecast not known yet; budget 5 s")
    role = rig.databases.name
    rig.run("target", f"create role {role} login password 'reader'")
    monkeypatch.setenv(
        "PGCUTOVER_TARGET_DSN", f"{rig.databases.target} user={role} password=reader"
    )
    lacking = (
        f"target: role {role} has no REPLICATION (on RDS rds_replication); "
        f"target: role {role} has no CREATE on the database, which a publication needs"
    )
    assert read_method(settings).reasons == tuple(lacking.split("; "))
    databases = Databases(dict(zip(Side, rig.dsns, strict=True)), {}, rig.manifest())
    assert isinstance(make_gate(settings, databases), ComparisonGate)
    assert expected_verdict(settings, databases).ledgers is None
    latest = folder / settings.report.directory / "latest"
    latest.mkdir(parents=True)
    (latest / "verdict.json").write_text(
        json.dumps(document(results=[{**PASSED, "duration_seconds": 60.5}] * 2))
    )
    method = read_method(settings)
    assert method.refusal == (
        "final gate by full comparison: forecast 121.0 s, expected less than "
        f"freeze.budget_seconds (5 s); no change ledger: {lacking}"
    )
    assert "REFUSED above the budget" in method.describe()
    monkeypatch.setenv("PGCUTOVER_TARGET_DSN", rig.databases.target)
    assert isinstance(make_gate(settings, databases), LedgerGate)
    rig.both("create table app.k (n int)")
    rig.known = None
    rig.open()
    result = {**PASSED, "check_id": "DATA-ROWS", "object": "app.k", "duration_seconds": 7.0}
    (latest / "verdict.json").write_text(json.dumps(document(results=[result])))
    for name in ("app.a", "app.b"):
        rig.compare(name)
    assert read_method(settings).forecast_seconds == 7.0
    assert expected_verdict(settings, databases).ledgers is not None
    rig.close()
    (rig.folder / FILE).write_bytes(b"not a database at all" * 100)
    assert "ledger cannot be opened: file is not a database" in read_method(settings).describe()
    assert isinstance(make_gate(settings, databases), LedgerGate)  # unfreeze needs no ledger
    with pytest.raises(PgCutoverError, match="cannot be opened"):
        expected_verdict(settings, databases)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (("logical", False, 1, 10, True, True, "r"), ""),
        (("replica", False, 1, 10, True, True, "r"), "wal_level is replica, expected logical"),
        (("logical", False, 10, 10, True, True, "r"), "all 10 slots of max_replication_slots"),
        (("logical", True, 1, 10, True, True, "r"), "it is a standby"),
    ],
)
def test_each_obstacle_has_a_reason(facts: tuple[object, ...], reason: str) -> None:
    found = "; ".join(obstacles.describe_obstacles(*facts))  # type: ignore[arg-type]
    assert reason in found
    assert bool(found) == bool(reason)
