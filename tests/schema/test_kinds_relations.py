"""Test that relations and their parts are collected, and that each change is a difference."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from schema.relations_changes import CHANGES, NEWEST
from schema.relations_schema import ROLE_NAMES, ROLES, schema_for
from support.servers import Pair, create_database, drop_database

from pgcutover.connect import open_session
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.schema.kinds import constraints, tables, triggers, views
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.snapshot import collect_snapshot

KINDS = (*tables.KINDS, *constraints.KINDS, *triggers.KINDS, *views.KINDS)
MAJORS = (13, 15, 17, 18)
Session = psycopg.Connection[tuple[object, ...]]

# objects that the changes need, in a schema outside the application's
_AROUND = """
set local allow_system_table_mods = on;
create access method other_heap type table handler heap_tableam_handler;
create schema pgcutover;
create table pgcutover.names (name text);
"""
_PINNED = "set local search_path = pg_catalog; set local timezone = 'UTC'"


@dataclass(frozen=True, slots=True)
class FullServer:
    """A server with the full schema in a database, and its snapshot."""

    server: RunningServer
    database: str
    snapshot: Snapshot


@pytest.fixture(scope="module")
def full_servers(pair: Pair) -> Iterator[dict[int, FullServer]]:
    specs = [ServerSpec(f"of{major}", major, {}) for major in (13, 18)]
    with servers(specs, progress=lambda _: None) as more:
        running = [pair.source, pair.target, *more.values()]
        made = {server.major: create_database(server) for server in running}
        try:
            yield {server.major: _filled(server, made[server.major]) for server in running}
        finally:
            for server in (pair.source, pair.target):
                drop_database(server, made[server.major])
                _drop_roles(server)


def _filled(server: RunningServer, name: str) -> FullServer:
    with psycopg.connect(server.dsn(name)) as connection:
        connection.execute(ROLES)
        connection.execute(schema_for(server.major).encode())
    return FullServer(server, name, _read(server.dsn(name)))


def _drop_roles(server: RunningServer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        for name in ROLE_NAMES:
            connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


def _read(dsn: str) -> Snapshot:
    with open_session(dsn) as connection:
        return collect_snapshot(connection, KINDS)


@pytest.mark.parametrize("major", MAJORS)
def test_every_kind_is_collected_on_every_major(
    full_servers: dict[int, FullServer], major: int
) -> None:
    snapshot = full_servers[major].snapshot
    assert {o.kind for o in snapshot.objects} == {k.name for k in KINDS}
    assert not snapshot.unread


@pytest.mark.parametrize("major", MAJORS)
def test_a_name_is_one_object_of_its_kind(full_servers: dict[int, FullServer], major: int) -> None:
    identities = [o.identity for o in full_servers[major].snapshot.objects]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("major", MAJORS)
def test_objects_outside_the_application_are_not_collected(
    full_servers: dict[int, FullServer], major: int
) -> None:
    text = full_servers[major].snapshot.to_json()
    assert "pg_stat_statements" not in text  # views of an extension
    assert "awsdms_" not in text
    assert "pg_toast" not in text


def _session(rich: FullServer) -> Iterator[Session]:
    with psycopg.connect(rich.server.dsn(rich.database), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def session_17(full_servers: dict[int, FullServer]) -> Iterator[Session]:
    yield from _session(full_servers[17])


@pytest.fixture(scope="module")
def session_18(full_servers: dict[int, FullServer]) -> Iterator[Session]:
    yield from _session(full_servers[18])


def _after(session: Session, statement: str) -> Snapshot:
    with session.transaction(force_rollback=True):
        session.execute(_AROUND)
        session.execute(statement.encode())
        session.execute(_PINNED)
        return collect_snapshot(session, KINDS)


def _changes(before: Snapshot, after: Snapshot) -> list[str]:
    one = {o.identity: o for o in before.objects}
    other = {o.identity: o for o in after.objects}
    found = [f"-{kind} {name}" for kind, name in one.keys() - other.keys()]
    found += [f"+{kind} {name}" for kind, name in other.keys() - one.keys()]
    for kind, name in one.keys() & other.keys():
        if differing := _differing(one[kind, name], other[kind, name]):
            found.append(f"{kind} {name}: {' '.join(differing)}")
    return sorted(found)


def _differing(one: SchemaObject, other: SchemaObject) -> list[str]:
    names = {f for f in {*one.facts, *other.facts} if one.facts.get(f) != other.facts.get(f)}
    return sorted(names | ({"table"} if one.table != other.table else set()))


def _id(change: tuple[str, ...]) -> str:
    return change[0][:70]


@pytest.mark.parametrize("change", CHANGES, ids=_id)
def test_each_change_is_a_difference_of_one_property(
    full_servers: dict[int, FullServer], session_17: Session, change: tuple[str, ...]
) -> None:
    found = _after(session_17, change[0])
    assert _changes(full_servers[17].snapshot, found) == sorted(change[1:])


@pytest.mark.parametrize("change", NEWEST, ids=_id)
def test_each_change_of_the_newest_major_is_a_difference_of_one_property(
    full_servers: dict[int, FullServer], session_18: Session, change: tuple[str, ...]
) -> None:
    found = _after(session_18, change[0])
    assert _changes(full_servers[18].snapshot, found) == sorted(change[1:])


_OF_ROWS = ("validated", "enforced")
# PostgreSQL accepts these for other constraints
_ALWAYS_THE_SAME = {
    ("check", "deferrable"),
    ("check", "deferred"),
    *((kind, fact) for kind in ("unique", "primary_key", "exclusion") for fact in _OF_ROWS),
}


def test_every_property_has_a_change(full_servers: dict[int, FullServer]) -> None:
    known = {(o.kind, fact) for o in full_servers[18].snapshot.objects for fact in o.facts}
    exercised = set()
    for _, *lines in [*CHANGES, *NEWEST]:
        for line in (line for line in lines if line[0] not in "+-"):
            exercised |= {
                (line.split(" ")[0], fact) for fact in line.rpartition(": ")[2].split(" ")
            }
    assert known - exercised == _ALWAYS_THE_SAME


def test_a_restored_dump_equals_its_source(full_servers: dict[int, FullServer]) -> None:
    source, target = full_servers[15], full_servers[17]
    dumped = _dump(source)
    once, twice = (_restored(target.server, dumped) for _ in range(2))
    assert once == twice
    assert _changes(target.snapshot, once) == []


@pytest.mark.parametrize("major", [13, 15, 17])
def test_an_old_dump_restored_on_the_newest_major_equals_a_new_schema(
    full_servers: dict[int, FullServer], major: int
) -> None:
    restored = _restored(full_servers[18].server, _dump(full_servers[major]))
    here = {o.identity for o in full_servers[major].snapshot.objects}
    newest = full_servers[18].snapshot
    same = Snapshot("", 0, "", tuple(o for o in newest.objects if o.identity in here))
    assert _changes(same, restored) == []


def _dump(rich: FullServer) -> list[str]:
    return [dump_section(rich.server.dsn(rich.database), section) for section in SECTIONS]


def _restored(server: RunningServer, dumped: list[str]) -> Snapshot:
    name = create_database(server)
    try:
        with psycopg.connect(server.dsn(name)) as connection:
            for section in dumped:
                connection.execute(section.encode())
        read = _read(server.dsn(name))
    finally:
        drop_database(server, name)
    return Snapshot("", 0, "", read.objects)


_SECURITY = {"row_security", "row_security_forced"}
_UNLIKE = {"columns_unlike_parent", "columns_tuned_unlike_parent"}
_TUNING = {
    "position",
    "storage",
    "compression",
    "statistics_target",
    "options",
    "foreign_options",
    "not_null_validated",
    "not_null_inherited",
}
# how an object is dropped, and what its definition leaves to other statements
_CONSTRAINT = "alter table {table} drop constraint {own} cascade"
_DROPS = {
    "table": ("drop table {name} cascade", {"replica_identity", *_SECURITY}),
    "foreign_table": ("drop foreign table {name}", set()),
    "partition": ("drop {kind} {name} cascade", {*_UNLIKE, *_SECURITY}),
    "column": ("alter table {table} drop {own} cascade", _TUNING),
    "statistics": ("drop statistics {name}", {"target"}),
    "check": (_CONSTRAINT, set()),
    "unique": (_CONSTRAINT, set()),
    "primary_key": (_CONSTRAINT, set()),
    "exclusion": (_CONSTRAINT, set()),
    "foreign_key": (_CONSTRAINT, set()),
    "index": ("drop index {name}", {"clustered", "statistics_targets", "usable"}),
    "trigger": ("drop trigger {own} on {table}", {"enabled", "enabled_unlike_parent"}),
    "rule": ("drop rule {own} on {table}", {"enabled"}),
    "policy": ("drop policy {own} on {table}", set()),
    "view": ("drop view {name} cascade", set()),
    "materialized_view": ("drop materialized view {name} cascade", set()),
    "sequence": ("drop sequence {name} cascade", set()),
}
assert set(_DROPS) == {k.name for k in KINDS} - {"storage"}


def _is_made_alone(thing: SchemaObject) -> bool:
    """Return true if no other object creates it, and dropping it drops none of those it names."""
    if thing.kind == "column":
        return thing.table in ("app.customers", "app.newest", "app.away")
    if thing.kind == "index":
        return thing.facts["constraint"] is None
    return bool(thing.definition) and thing.identity != ("table", "app.orders")


@pytest.mark.parametrize("major", [13, 18])
def test_a_definition_recreates_its_object(full_servers: dict[int, FullServer], major: int) -> None:
    """Drop and create each object alone."""
    rich = full_servers[major]
    things = [o for o in rich.snapshot.objects if o.kind in _DROPS and _is_made_alone(o)]
    assert {o.kind for o in things} == set(_DROPS)
    for session in _session(rich):
        wrong = [f"{o.kind} {o.name}: {w}" for o in things if (w := _made_again(session, o))]
    assert wrong == []


def _made_again(session: Session, thing: SchemaObject) -> list[str]:
    drop, left_out = _DROPS[thing.kind]
    words = {
        "own": thing.name.removeprefix(f"{thing.table}."),
        "name": thing.name,
        "table": thing.table,
        "kind": thing.facts.get("kind"),
    }
    kinds = tuple(k for k in KINDS if k.name == thing.kind)
    with session.transaction(force_rollback=True):
        session.execute(drop.format(**words).encode())
        session.execute(thing.definition.encode())
        session.execute(_PINNED)
        made = collect_snapshot(session, kinds).of_kind(thing.kind)[thing.name]
    return [f for f in _differing(thing, made) if f not in left_out]
