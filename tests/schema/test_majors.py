"""Test that a clean restore to another major gives no finding, with every kind of object."""

from collections.abc import Iterator

import psycopg
import pytest
from compare.lab import FUNCTIONS, Lab, rule, rules, run
from psycopg import sql
from schema import database_schema, relations_schema
from schema.faultlab import RUN_WIDE
from support.servers import create_database

from pgcutover.connect import open_session
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.errors import UnreadableError
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.expected.build import Recipe, expected_schema
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.kinds.extensions import EXTENSIONS
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.stage import SchemaStage

PAIRS = [(13, 17), (13, 18), (17, 18)]
RICHES = {
    "relations": (relations_schema.ROLES, relations_schema.schema_for),
    "database": (database_schema.ROLES, lambda _: database_schema.SCHEMA),
}


@pytest.fixture(scope="module")
def running() -> Iterator[dict[int, RunningServer]]:
    specs = [ServerSpec(f"m{major}", major) for major in (13, 17, 18)]
    with servers(specs, progress=lambda _: None) as started:
        yield {server.major: server for server in started.values()}


@pytest.mark.parametrize("riches", RICHES)
@pytest.mark.parametrize(("older", "newer"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])
def test_a_clean_restore_gives_no_finding(running, riches, older, newer) -> None:
    source, target = running[older], running[newer]
    roles, schema_for = RICHES[riches]
    for server in (source, target):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            _make_roles(connection, roles)
    name = create_database(source)
    create_database(target, name)
    run(source.dsn(name), schema_for(older))
    for section in SECTIONS:
        run(target.dsn(name), dump_section(source.dsn(name), section, publications=True))
    recipe = Recipe(source.dsn(name), target.dsn(name), newer, name, "UTF8", ())
    expected = expected_schema(recipe, lambda _: None)
    with open_session(source.dsn(name)) as one, open_session(target.dsn(name)) as other:
        on_source = collect_snapshot(one, (*CLUSTER_KINDS, EXTENSIONS))
        found = collect_snapshot(other, (*KINDS, *CLUSTER_KINDS))
    stage = SchemaStage(SchemaEvidence(on_source, found, expected.snapshot, expected.moved))
    red = {}
    for check in RUN_WIDE:
        try:
            FUNCTIONS[check.id](schema_stage=stage)
        except AssertionError as error:
            red[check.id] = str(error)
    assert red == {}
    messages, troubles = stage.everything()
    assert ([str(each) for each in messages], troubles) == ([], [])
    assert len(found.objects) > 150


OF_18 = {
    "a NOT NULL that was never validated": (
        "alter table app.t alter a drop not null",
        "alter table app.t add constraint t_a not null a not valid",
    ),
    "a NOT NULL that children do not have": (
        "alter table app.t alter a drop not null",
        "alter table app.t add constraint t_a not null a no inherit",
    ),
    "a CHECK that is not enforced": (
        "alter table app.t drop constraint t_b",
        "alter table app.t add constraint t_b check (b > 0) not enforced",
    ),
}


@pytest.mark.parametrize("statements", OF_18.values(), ids=OF_18.keys())
def test_a_constraint_that_18_does_not_enforce_fails(running, statements) -> None:
    name = create_database(running[17])
    create_database(running[18], name)
    source, target = running[17].dsn(name), running[18].dsn(name)
    table = "create table app.t (a int not null, b int constraint t_b check (b > 0))"
    run(source, "create schema app", table)
    for section in SECTIONS:
        run(target, dump_section(source, section, publications=True))
    recipe = Recipe(source, target, 18, name, "UTF8", ())
    expected = expected_schema(recipe, lambda _: None)
    red = []
    for damage in ((), statements):
        run(target, *damage)
        with open_session(source) as one, open_session(target) as other:
            on_source, found = (
                collect_snapshot(one, (*CLUSTER_KINDS, EXTENSIONS)),
                collect_snapshot(other, KINDS),
            )
        stage = SchemaStage(SchemaEvidence(on_source, found, expected.snapshot))
        red.append(_is_red("SCHEMA-CHECKS", stage))
    assert red == [False, True]


def test_a_key_not_enforced_on_the_source_must_accept_its_rows(running) -> None:
    names = [create_database(running[18]) for _ in range(2)]
    lab = Lab(
        *(running[18].dsn(name) for name in names),
        rules=rules([rule(1, "selection", "include", "app", "%")]),
        recent={},
    )
    for dsn in (lab.source, lab.target):
        run(
            dsn,
            "create schema app",
            "create table app.k (id int primary key)",
            "create table app.t (id int primary key, k int)",
            "alter table app.t add constraint t_k foreign key (k) references app.k not enforced",
        )
    assert "SCHEMA-FKS[app.t.t_k]" not in lab.judge("schema").red
    run(lab.target, "alter table app.t alter constraint t_k enforced")
    assert "NOT ENFORCED" in lab.judge("schema").red["SCHEMA-FKS[app.t.t_k]"]


def _is_red(check: str, stage: SchemaStage) -> bool:
    try:
        FUNCTIONS[check](schema_stage=stage)
    except AssertionError:
        return True
    return False


def test_a_stale_collation_is_found_without_a_version_on_the_source(running) -> None:
    source, target = running[13], running[17]
    name = create_database(source)
    create_database(target, name)
    run(
        target.dsn(name),
        "update pg_database set datcollversion = '1' where datname = current_database()",
    )
    with open_session(source.dsn(name)) as one, open_session(target.dsn(name)) as other:
        evidence = SchemaEvidence(
            collect_snapshot(one, CLUSTER_KINDS), collect_snapshot(other, CLUSTER_KINDS)
        )
    diff = SchemaStage(evidence).as_on_the_source("database_collation_version")
    assert [each.message for each in diff.differences] == [
        "collation version of this database differs: stale: found, not expected"
    ]


def test_features_that_an_older_target_lacks_are_reported(running) -> None:
    name = create_database(running[18])
    recipe = Recipe(running[18].dsn(name), running[17].dsn(), 17, name, "UTF8", ())
    run(running[18].dsn(name), "create table t (id int primary key, n int not null)")
    assert "public.t" in expected_schema(recipe, lambda _: None).moved
    run(running[18].dsn(name), "alter table t add v int generated always as (n + 1) virtual")
    with pytest.raises(UnreadableError, match="the source is PostgreSQL 18 and the target 17"):
        expected_schema(recipe, lambda _: None)


def _make_roles(connection: psycopg.Connection, roles: str) -> None:
    """Create the roles once per server; the statements grant them to each other."""
    known = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
    names = {*relations_schema.ROLE_NAMES, *database_schema.ROLE_NAMES}
    for name in names & known:
        connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
    for name in names & known:
        for (database,) in connection.execute(
            "select datname from pg_database where datname like 'test%'"
        ).fetchall():
            connection.execute(
                sql.SQL("drop database {} with (force)").format(sql.Identifier(database))
            )
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
    connection.execute(roles.encode())
