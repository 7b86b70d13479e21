"""Test that the manifest holds both sides, survives serialization, and refuses unclear input."""

import json

import pytest
from compare.lab import RULES, Lab, rule, rules, run
from pydantic import TypeAdapter

from pgcutover.catalog import Manifest
from pgcutover.connect import open_session
from pgcutover.errors import ConfigError
from pgcutover.mapping import RelationName


def test_it_survives_the_way_to_a_worker_and_into_the_evidence(lab: Lab) -> None:
    manifest = lab.manifest()
    text = manifest.to_json()
    assert TypeAdapter(Manifest).validate_json(text) == manifest
    assert TypeAdapter(Manifest).validate_json(json.dumps(json.loads(text))) == manifest
    assert "password" not in text


def test_every_kind_is_sorted_and_named_once(lab: Lab) -> None:
    for kind, objects in lab.manifest().kinds().items():
        names = [str(o) for o in objects]
        assert names == sorted(names), kind
        assert len(names) == len(set(names)) > 0, kind


def test_names_are_those_of_the_target(lab: Lab) -> None:
    kinds = {kind: {str(o) for o in objects} for kind, objects in lab.manifest().kinds().items()}
    assert "sales.purchases" in kinds["table"]
    assert "sales.orders_cover_idx" in kinds["index"]
    assert "sales.purchases.orders_parent_fk" in kinds["foreign_key"]
    assert kinds["recent_table"] == {"core.ledger", "core.customers"}


def test_partitions_belong_to_their_table_and_inherited_tables_are_tables(lab: Lab) -> None:
    tables = {str(t) for t in lab.manifest().tables}
    assert {"core.events", "core.animals", "core.dogs"} <= tables
    assert not any("events_" in name for name in tables)


def test_tables_of_other_sessions_and_the_mover_are_not_ours(own_lab: Lab) -> None:
    run(own_lab.source, "create table app.awsdms_ddl_audit (id int)")
    with open_session(own_lab.source) as other:
        other.read_only = False
        other.rollback()
        other.execute("set default_transaction_read_only = off")
        other.execute("create temporary table fleeting (id int)")
        assert {r.name for r in own_lab.manifest().source_catalog.relations} >= {
            RelationName("app", "awsdms_ddl_audit")
        }
        assert own_lab.manifest().undecided_tables == ()
        assert own_lab.manifest().target_table("core.awsdms_ddl_audit") is None


def test_undecided_tables_are_listed(own_lab: Lab) -> None:
    run(own_lab.source, "create schema stray", "create table stray.t (id int)")
    assert own_lab.manifest().undecided_tables == (RelationName("stray", "t"),)


def test_an_excluded_table_is_decided_about(lab: Lab) -> None:
    manifest = lab.manifest()
    assert manifest.undecided_tables == ()
    assert manifest.target_table("outside.unrelated") is None


@pytest.mark.parametrize(
    ("recent", "says"),
    [
        ({"core.nowhere": "at"}, "no mapped table has that name"),
        ({"app.ledger": "at"}, "no mapped table has that name"),
        ({"core.ledger": "never"}, "no column 'never'"),
    ],
)
def test_a_recent_column_that_is_not_there_is_an_error(lab: Lab, recent, says: str) -> None:
    lab.recent = recent
    with pytest.raises(ConfigError, match=says):
        lab.manifest()


def test_rules_that_select_nothing_are_an_error(databases) -> None:
    run(databases.source, "create schema app", "create table app.awsdms_only (id int)")
    nothing = rules([rule(1, "selection", "include", "app", "%")])
    with pytest.raises(ConfigError):
        Lab(databases.source, databases.target, rules=nothing, recent={}).manifest()


def test_a_table_of_the_rules_that_the_source_lacks_is_an_error(lab: Lab) -> None:
    lab.rules = rules([*RULES, rule(99, "selection", "include", "app", "nowhere")])
    with pytest.raises(ConfigError, match=r"app\.nowhere"):
        lab.manifest()


def test_indexes_of_one_name_from_two_schemas_cannot_both_be_expected(databases) -> None:
    """One table was moved in: the target can hold only one until a script renames the other."""
    merge = [
        rule(1, "selection", "include", "one", "%"),
        rule(2, "selection", "include", "two", "%"),
        rule(3, "transformation", "rename", "two", "b", rule_target="schema", value="one"),
    ]
    lab = Lab(databases.source, databases.target, rules=rules(merge), recent={})
    for schema, table in (("one", "a"), ("two", "b")):
        made = f"create table {schema}.{table} (id int primary key, v int)"
        run(lab.source, f"create schema {schema}", made, f"create index i on {schema}.{table} (v)")
    run(
        lab.target,
        "create schema one",
        *(f"create table one.{t} (id int primary key, v int)" for t in "ab"),
        "create index i on one.a (v)",
    )
    results = lab.judge()
    assert results.red == {}
    assert "moves table two.b to schema one" in results.unknown["SCHEMA-INDEXES[one.i]"]
