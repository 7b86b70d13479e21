"""Test that provisioning creates each object once, and continues an interrupted run."""

import pytest

from pgcutover.movers.dms import with_lob_limit


def actions(steps):
    return [step.action for step in steps]


def test_plan_shows_every_object_and_creates_none(unprovisioned):
    for _ in range(2):
        steps = unprovisioned.mover(may_create=False).plan()
        assert actions(steps) == ["create"] * 7
        assert str(steps[0]) == f"create   subnet group '{unprovisioned.settings.subnet_group}'"


def test_second_run_finds_everything_and_creates_nothing(unprovisioned):
    assert actions(unprovisioned.mover().provision()) == ["create"] * 7
    created = [line for line in unprovisioned.lines if line.startswith("creating")]
    assert len(created) == 7
    assert actions(unprovisioned.mover().provision()) == ["keep"] * 7
    assert [line for line in unprovisioned.lines if line.startswith("creating")] == created
    assert unprovisioned.mover().status().status == "ready"


def test_interrupted_run_is_continued_by_the_next(unprovisioned):
    def interrupt(line):
        if line.startswith("creating endpoint"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unprovisioned.mover(progress=interrupt).provision()
    assert actions(unprovisioned.mover().provision()) == ["keep"] * 4 + ["create"] * 3


def test_connections_are_tested_with_verify_full_and_the_secrets(provisioned):
    assert provisioned.lines[-3:-1] == [
        "DMS reaches the source database",
        "DMS reaches the target database",
    ]
    names = [provisioned.settings.source_endpoint, provisioned.settings.target_endpoint]
    filters = [{"Name": "endpoint-id", "Values": names}]
    endpoints = provisioned.client("dms").describe_endpoints(Filters=filters)["Endpoints"]
    assert {e["SslMode"] for e in endpoints} == {"verify-full"}
    assert all(e["PostgreSQLSettings"]["SecretsManagerSecretId"] for e in endpoints)
    assert not any("Password" in e["PostgreSQLSettings"] for e in endpoints)


def test_database_names_are_taken_from_the_caller_before_the_secret(unprovisioned):
    unprovisioned.store_secret("source", dbname="")
    name = unprovisioned.source("select current_database()")[0][0]
    steps = unprovisioned.mover(source_database=name).plan()
    assert actions(steps) == ["create"] * 7


def test_certificate_that_exists_needs_no_ca_file(provisioned):
    assert actions(provisioned.mover(source_ca_pem=None, target_ca_pem=None).plan()) == ["keep"] * 7


def test_growth_within_the_head_room_keeps_the_task(provisioned):
    def plan_for(kb):
        settings = with_lob_limit({"Logging": {"EnableLogging": True}}, kb)
        return actions(provisioned.mover(task_settings=settings).plan())[-1]

    assert [plan_for(64), plan_for(256), plan_for(320)] == ["keep", "keep", "conflict"]
