"""Test the tasks that carry changes after a cutover: back from the target, and forth again."""

from collections.abc import Iterator

import pytest
from movers.conftest import MAPPINGS, Stage

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.connect import open_session
from pgcutover.cutover.databases.dms_mover import DmsMover
from pgcutover.cutover.databases.marker_mover import MarkerMover
from pgcutover.cutover.databases.return_slot import LogicalSlots
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.resolver import Side
from pgcutover.mapping import RelationName, parse_rules
from pgcutover.movers.dms.client import Api
from pgcutover.movers.dms.way_back.change_mappings import inverted_rules, lost_columns
from pgcutover.movers.dms.way_back.change_task import ChangeTasks

MARKER = RelationName("public", "pgcutover_marker")
ROLE = "mover_of_change_tasks"


def manifest_of(stage: Stage, mappings: object = MAPPINGS) -> Manifest:
    with open_session(stage.source_dsn) as source, open_session(stage.target_dsn) as target:
        return read_manifest(source, target, parse_rules(mappings, "mappings of the test"))


@pytest.fixture
def stage(stage: Stage) -> Iterator[Stage]:
    """The stage, with the mover's role on both sides."""
    for ask in (stage.source, stage.target):
        ask(f"create role {ROLE} login")
    yield stage
    for ask in (stage.source, stage.target):
        ask(f"drop role {ROLE}")


def mover_of(stage: Stage, folder, plugin: str = "test_decoding") -> DmsMover:
    dsns = {Side.SOURCE: stage.source_dsn, Side.TARGET: stage.target_dsn}
    manifest = manifest_of(stage)
    tables = {Side.SOURCE: [t.source for t in manifest.tables], Side.TARGET: [MARKER]}
    marker = MarkerMover(
        dsns,
        (dict.fromkeys(Side, MARKER),),
        10,
        HookRunner("x", folder),
        lambda _: None,
        ROLE,
        tables,
    )
    api = Api(stage.settings.region, stage.aws)
    tasks = ChangeTasks(api, stage.settings, stage.lines.append, 0.1)
    return DmsMover(marker, lambda: tasks, dsns, manifest, MAPPINGS, plugin)


def test_changes_go_back_and_forth_from_slots(stage: Stage, tmp_path) -> None:
    stage.target("alter table auth.users add column extra text")
    stage.loaded().resume()
    mover = mover_of(stage, tmp_path)
    slots = LogicalSlots(mover.marker.dsns, "test_decoding")
    assert mover.problems(Side.SOURCE) == []
    assert mover.is_running(Side.SOURCE)
    for writer, standby in ((Side.TARGET, Side.SOURCE), (Side.SOURCE, Side.TARGET)):
        slot = f"from_{writer}_{stage.settings.task}".replace("-", "_")
        slots.create(writer, slot)
        slots.advance(writer, slot, 10)
        tables = {Side.SOURCE: "public.users", Side.TARGET: "auth.users"}
        ask = {Side.SOURCE: stage.source, Side.TARGET: stage.target}
        ask[writer](f"insert into {tables[writer]} (id, name) values (901, 'of the {writer}')")
        ask[writer](f"update {tables[writer]} set name = 'one of the {writer}' where id = 1")
        for _ in range(2):  # as after a crash
            mover.start(writer, slot)
        assert mover.is_running(writer)
        assert not mover.make_tasks().is_running(standby.value)
        names = f"select name from {tables[standby]} where id in (1, 901) order by id"
        assert ask[standby](names) == [(f"one of the {writer}",), (f"of the {writer}",)]
        ask[writer](f"delete from {tables[writer]} where id = 901")
        mover.drain(writer, 30)
        assert ask[standby](names) == [(f"one of the {writer}",)]
    left = mover.finish(Side.SOURCE)
    assert stage.settings.replication_instance in str(left)
    for side in Side:
        slots.drop(side, f"from_{side}_{stage.settings.task}".replace("-", "_"))


def test_a_slot_that_is_gone_is_no_start(stage: Stage, tmp_path) -> None:
    mover = mover_of(stage, tmp_path, "pgoutput")
    plugin, task = mover.problems(Side.SOURCE)
    assert "cutover.slot_plugin is pgoutput; expected test_decoding" in plugin
    assert "no DMS task that carries the changes of the source is running" in task
    with pytest.raises(StepError, match="the slot nothing is gone"):
        mover.start(Side.TARGET, "nothing")


def test_rules_are_inverted_by_table(stage: Stage) -> None:
    users = {"schema-name": "auth", "table-name": "users"}
    rules = inverted_rules(manifest_of(stage), {})["rules"]
    found = [
        (r["rule-action"], r.get("rule-target"), r.get("value"))
        for r in rules
        if r["object-locator"] == users
    ]
    assert found == [("explicit", None, None), ("rename", "schema", "public")]
    marker = [r for r in rules if "marker" in str(r["object-locator"])]
    assert [r["rule-action"] for r in marker] == ["explicit"]
    parts = [RelationName("auth", "users_1"), RelationName("auth", "users_2")]
    split = inverted_rules(manifest_of(stage), {RelationName("auth", "users"): parts})["rules"]
    locators = [r["object-locator"]["table-name"] for r in split]
    assert locators.count("users_1") == locators.count("users[_]1") - 1 == 1
    assert len({r["rule-id"] for r in split}) == len(split)


def test_a_column_that_the_mapping_removes_is_named(stage: Stage) -> None:
    removed = {
        "rule-type": "transformation",
        "rule-id": "9",
        "rule-name": "9",
        "rule-target": "column",
        "object-locator": {
            "schema-name": "public",
            "table-name": "users",
            "column-name": "photo",
        },
        "rule-action": "remove-column",
    }
    mappings = {"rules": [*MAPPINGS["rules"], removed]}
    assert lost_columns(manifest_of(stage, mappings)) == ["public.users.photo"]
