"""Test that teardown deletes only provisioned objects, on request, and names remaining costs."""

import pytest

from pgcutover.errors import MoverError

SLOTS = "select count(*) from pg_replication_slots where database = current_database()"


@pytest.mark.parametrize("confirm", ["", "yes", "other-task"])
def test_teardown_needs_the_name_of_the_task(provisioned, confirm):
    with pytest.raises(MoverError, match=provisioned.settings.task):
        provisioned.mover().teardown(confirm=confirm)
    assert {step.action for step in provisioned.mover().plan()} == {"keep"}


def test_teardown_of_a_running_task_deletes_all_its_objects(stage):
    mover = stage.loaded()
    mover.resume()
    torn = mover.teardown(confirm=stage.settings.task)
    assert len(torn.deleted) == 7
    assert {step.action for step in mover.plan()} == {"create"}
    assert stage.source(
        "select count(*) from pg_replication_slots where database = current_database()"
    ) == [(0,)]
    assert any("still cost money" in line for line in torn.left)
    assert mover.teardown(confirm=stage.settings.task).deleted == ()


def test_foreign_objects_are_kept_and_their_price_is_named(unprovisioned):
    mover = unprovisioned.mover()
    mover.provision()
    client = unprovisioned.client("dms")
    task = client.describe_replication_tasks()["ReplicationTasks"]
    mine = next(t for t in task if t["ReplicationTaskIdentifier"] == unprovisioned.settings.task)
    other = f"other-{unprovisioned.settings.task}"
    client.create_replication_task(
        ReplicationTaskIdentifier=other,
        SourceEndpointArn=mine["SourceEndpointArn"],
        TargetEndpointArn=mine["TargetEndpointArn"],
        ReplicationInstanceArn=mine["ReplicationInstanceArn"],
        MigrationType="full-load",
        TableMappings=mine["TableMappings"],
    )
    torn = mover.teardown(confirm=unprovisioned.settings.task)
    assert any(unprovisioned.settings.task in line for line in torn.deleted)
    (instance,) = [line for line in torn.left if line.startswith("replication instance")]
    assert f"used by task {other}" in instance
    assert "billed by the hour" in instance
