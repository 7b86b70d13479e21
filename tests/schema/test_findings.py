"""Test that a schema finding names the object, the expected and found values, and the property."""

from compare.lab import run
from support.servers import Databases

from pgcutover.connect import open_session
from pgcutover.schema.compare import Property, held_with
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.severity import describe_object
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.stage import SchemaStage
from pgcutover.verdict import Finding

SCHEMA = (
    "create schema app",
    "create table app.t (id int not null, name text default 'x', note text)",
    "create function app.f() returns trigger language plpgsql as 'begin return new; end'",
    "create trigger fires before insert on app.t for each row execute function app.f()",
    "create rule kept as on delete to app.t do instead nothing",
    "create function app.e() returns event_trigger language plpgsql as 'begin end'",
    "create event trigger watches on ddl_command_start execute function app.e()",
)


def find(databases: Databases, kind: str, *changes: str) -> Finding:
    """Return the only finding about objects of a kind after changes to the target."""
    run(databases.target, "drop schema if exists app cascade", *SCHEMA)
    with open_session(databases.target) as session:
        expected = collect_snapshot(session)
    run(databases.target, *changes)
    with open_session(databases.target) as session:
        evidence = SchemaEvidence(expected, collect_snapshot(session), expected)
    (finding,) = SchemaStage(evidence).as_expected(kind).findings()
    return finding


def test_a_disabled_trigger_shows_its_state_and_not_the_same_definition_twice(databases) -> None:
    finding = find(databases, "trigger", "alter table app.t disable trigger fires")
    assert finding.message == (
        "trigger app.t.fires is disabled on the target; run alter table ... enable trigger"
    )
    assert finding.evidence["expected"] == "enabled: yes"
    assert finding.evidence["found"] == "enabled: no"


def test_a_trigger_that_fires_on_replicas_only_shows_both_states(databases) -> None:
    finding = find(databases, "trigger", "alter table app.t enable replica trigger fires")
    assert finding.message == (
        "trigger app.t.fires differs: enabled: expected yes, found on replicas only"
    )
    assert finding.evidence["found"] == "enabled: on replicas only"


def test_a_disabled_rule_and_event_trigger_are_called_disabled(databases) -> None:
    finding = find(databases, "rule", "alter table app.t disable rule kept")
    assert "rule app.t.kept is disabled on the target" in finding.message
    finding = find(databases, "event_trigger", "alter event trigger watches disable")
    assert "event trigger watches is disabled on the target" in finding.message


def test_a_property_that_one_side_lacks_is_not_called_no_or_none(databases) -> None:
    finding = find(
        databases,
        "column",
        "alter table app.t alter name drop default, alter name set not null",
    )
    assert finding.message == (
        "column app.t.name differs: default: expected 'x'::text, not found; "
        "not null: found, not expected"
    )


def test_zero_is_a_value_and_no_is_none() -> None:
    assert str(Property("cost", 100, 0)) == "cost: expected 100, found 0"
    assert str(Property("cycle", expected=False, found=True)) == "cycle: found, not expected"
    assert str(Property("enabled", "no", "yes")) == "enabled: found, not expected"


def test_the_database_is_named_once() -> None:
    assert describe_object("database", "this database") == "this database"
    assert describe_object("database_grant", "this database to r") == "grant on this database to r"
    assert describe_object("primary_key", "app.t.t_pkey") == "primary key app.t.t_pkey"
    assert (held_with(1), held_with(2)) == (
        ", with 1 object that belongs to it",
        ", with 2 objects that belong to it",
    )
