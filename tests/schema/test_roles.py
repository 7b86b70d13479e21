"""Test that a missing role of this database blocks, and one of the same server is a warning."""

from collections.abc import Iterator

import psycopg
import pytest
from support.servers import Pair

from pgcutover.connect import open_session
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.stage import SchemaStage

ROLES = ("used_owner", "used_group", "used_login", "used_nothing", "neon_superuser", "cloud_admin")
MADE = (
    "create schema app authorization used_owner",
    "create table app.t (id int primary key)",
    "alter table app.t owner to used_owner",
)
OF_THE_SOURCE = (
    "grant select on app.t to used_group",
    "grant used_group to used_login",
    "grant neon_superuser to used_owner",
    "grant all on app.t to neon_superuser",
    "grant create on schema app to cloud_admin",
    "grant connect on database THIS to neon_superuser",
    "alter default privileges for role cloud_admin in schema app grant all on tables"
    " to neon_superuser with grant option",
    "grant execute on function pg_catalog.pg_read_file(text) to neon_superuser",
)


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            name = f'"{connection.info.dbname}"'
            connection.execute(statement.replace("THIS", name).encode())


@pytest.fixture
def sides(pair: Pair, fresh_database) -> Iterator[tuple[str, str]]:
    source, target = fresh_database("source"), fresh_database("target")
    run(source, *(f"create role {role}" for role in ROLES))
    run(target, "create role used_owner")
    run(source, *MADE, *OF_THE_SOURCE)
    run(target, *MADE)
    yield source, target
    for dsn, roles in ((source, ROLES), (target, ("used_owner",))):
        run(dsn, *(f"drop owned by {role}" for role in roles))
        run(dsn, *(f"drop role {role}" for role in roles))


def compare_roles(source: str, target: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the blocking differences and the warnings of each kind, for the roles of this test."""
    taken = []
    for dsn in (source, target):
        with open_session(dsn) as session:
            taken.append(collect_snapshot(session, (*KINDS, *CLUSTER_KINDS)))
    stage = SchemaStage(SchemaEvidence(taken[0], taken[1], taken[0]))
    found = {}
    for kind in ("role", "grant", "default_privilege", "database_grant", "system_grant"):
        ask = stage.as_on_the_source if kind in ("role", "database_grant") else stage.as_expected
        diff = ask(kind)
        texts = [str(f.message) for f in diff.findings()], diff.facts.get("warnings", ())
        found[kind] = tuple(sorted(t for t in each if any(r in t for r in ROLES)) for each in texts)
    return found


def test_only_the_applications_role_blocks(sides: tuple[str, str]) -> None:
    found = compare_roles(*sides)
    assert found["role"] == (
        ["role used_group is missing on the target", "role used_login is missing on the target"],
        ["role used_nothing is missing on the target"],
    )
    assert found["grant"] == (["grant table app.t to used_group is missing on the target"], [])
    for kind in ("default_privilege", "database_grant", "system_grant"):
        assert found[kind] == ([], [])
