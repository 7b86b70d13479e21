"""Test that the gate's own extension, role and grants are no findings, unlike the application's."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from compare.lab import run
from support.servers import Pair

from pgcutover.connect import open_session
from pgcutover.schema.collect import EVERY_KIND
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.stage import SchemaStage

SCHEMA = ("create schema app", "create table app.t (id int primary key, name text)")
KINDS = ("extension", "grant", "default_privilege", "extension_grant", "system_grant")


@pytest.fixture
def sides(fresh_database: Callable[..., str]) -> tuple[str, str]:
    source, target = fresh_database("target"), fresh_database("target")
    for dsn in (source, target):
        run(dsn, *SCHEMA)
    return source, target


@pytest.fixture
def roles(pair: Pair, sides: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the gate's role and an application's."""
    names = tuple(f"{name}_{uuid4().hex[:8]}" for name in ("gate", "app"))
    run(pair.target.dsn(), *(f"create role {name}" for name in names))
    yield names
    for dsn in sides:
        run(dsn, *(f"drop owned by {name}" for name in names))
    run(pair.target.dsn(), *(f"drop role {name}" for name in names))


def found(sides: tuple[str, str], gate: str) -> list[str]:
    """Return the findings on the second of two sides; the first is the expected one."""
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        expected, actual = (
            collect_snapshot(source, EVERY_KIND),
            collect_snapshot(target, EVERY_KIND),
        )
    stage = SchemaStage(SchemaEvidence(expected, actual, expected, own_roles=(gate,)))
    diffs = (stage.as_expected(*KINDS), stage.as_on_the_source("role_setting", "database_grant"))
    warnings = [w for d in diffs for w in d.facts.get("warnings", ())]
    return [f.message for d in diffs for f in d.findings()] + warnings


def test_amcheck_and_the_grants_that_it_needs_are_no_finding(sides, roles) -> None:
    gate, app = roles
    run(
        sides[1],
        "create extension amcheck",
        f"grant execute on function bt_index_check(regclass, boolean) to {gate}",
        f"grant select on app.t to {gate}",
        f"grant usage on schema app to {gate}",
        f"grant execute on function pg_catalog.pg_control_system() to {gate}",
        f"alter default privileges in schema app grant select on tables to {gate}",
        f"alter role {gate} in database {sides[1].partition('dbname=')[2].split()[0]}"
        " set statement_timeout = '1h'",
    )
    assert found(sides, gate) == []
    run(sides[1], f"grant execute on function bt_index_check(regclass, boolean) to {app}")
    (message,) = found(sides, gate)
    assert "bt_index_check" in message
    assert app in message


def test_amcheck_that_only_the_source_has_is_missing(sides, roles) -> None:
    run(sides[0], "create extension amcheck")
    (message,) = found(sides, roles[0])
    assert "extension amcheck is missing on the target" in message


def test_another_extension_of_the_target_alone_is_a_finding(sides, roles) -> None:
    run(sides[1], "create extension pageinspect")
    (message,) = found(sides, roles[0])
    assert "extension pageinspect" in message
