"""Test that database and server objects are collected, and that each change is a difference."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from schema.database_changes import CHANGES
from schema.database_schema import ROLE_NAMES, ROLES, SCHEMA
from support.servers import Pair, create_database, drop_database

from pgcutover.connect import open_session
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.schema.kinds import (
    database,
    extensions,
    privileges,
    roles,
    routines,
    text_search,
    types,
)
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot import collect_snapshot

KINDS = (
    *types.KINDS,
    *routines.KINDS,
    *text_search.KINDS,
    *database.KINDS,
    *extensions.KINDS,
    *privileges.KINDS,
    *database.CLUSTER_KINDS,
    *roles.CLUSTER_KINDS,
)
MAJORS = (13, 15, 17, 18)


@dataclass(frozen=True, slots=True)
class FullServer:
    """A server with the full schema in a database, and its snapshot by a superuser."""

    server: RunningServer
    database: str
    snapshot: Snapshot

    def read(self, user: str | None = None) -> Snapshot:
        password = "" if user is None else "plain"
        with open_session(self.server.dsn(self.database, user, password)) as connection:
            return collect_snapshot(connection, KINDS)


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
        connection.execute("alter role lab_plain password 'plain'")
        connection.execute(SCHEMA)
    rich = FullServer(server, name, Snapshot("", 0, "", ()))
    return FullServer(server, name, rich.read())


def _drop_roles(server: RunningServer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        for name in ROLE_NAMES:
            connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("major", MAJORS)
def test_every_kind_is_collected_on_every_major(
    full_servers: dict[int, FullServer], major: int
) -> None:
    snapshot = full_servers[major].snapshot
    # not every server can create these, nor in one transaction
    missing = {k.name for k in KINDS if k.since <= snapshot.server_version} - {
        o.kind for o in snapshot.objects
    }
    assert missing == {
        "security_label",
        "tablespace",
        "database_setting",
        "subscription",
        *(["publication_schema"] if major >= 15 else []),
    }
    assert not snapshot.unread


@pytest.mark.parametrize("major", MAJORS)
def test_a_name_is_one_object_of_its_kind(full_servers: dict[int, FullServer], major: int) -> None:
    identities = [o.identity for o in full_servers[major].snapshot.objects]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("major", MAJORS)
def test_no_secret_is_collected(full_servers: dict[int, FullServer], major: int) -> None:
    assert "SECRET" not in full_servers[major].snapshot.to_json()


@pytest.mark.parametrize("major", MAJORS)
def test_a_role_without_rights_reads_the_same(
    full_servers: dict[int, FullServer], major: int
) -> None:
    plain = full_servers[major].read("lab_plain")
    assert not plain.unread
    assert plain.objects == full_servers[major].snapshot.objects


@pytest.mark.parametrize("major", MAJORS)
def test_members_of_extensions_are_not_collected(
    full_servers: dict[int, FullServer], major: int
) -> None:
    found = {o.name for o in full_servers[major].snapshot.objects if "citext" in o.name}
    assert found == {"citext"}


@pytest.mark.parametrize("major", MAJORS)
def test_an_odd_name_is_quoted(full_servers: dict[int, FullServer], major: int) -> None:
    functions = full_servers[major].snapshot.of_kind("function")
    odd = functions['"o\'dd ""na.me"."f(x)"(integer,text)']
    assert odd.facts["arguments"] == ('"a ""b" integer DEFAULT 1, "c,d" text DEFAULT \',\'::text')


@pytest.fixture(scope="module")
def superuser(
    full_servers: dict[int, FullServer],
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Yield a session whose changes are rolled back."""
    with psycopg.connect(full_servers[17].server.dsn(full_servers[17].database)) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c[0][:70])
def test_each_change_is_a_difference_of_one_property(
    full_servers: dict[int, FullServer],
    superuser: psycopg.Connection[tuple[object, ...]],
    change: tuple[str, ...],
) -> None:
    statement, *expected = change
    superuser.rollback()
    superuser.execute("set local allow_system_table_mods = on")
    superuser.execute("create role lab_super superuser")
    superuser.execute(statement.replace("{database}", full_servers[17].database).encode())
    superuser.execute("set local search_path = pg_catalog; set local timezone = 'UTC'")
    found = collect_snapshot(superuser, KINDS)
    assert _changes(full_servers[17].snapshot, found) == sorted(expected)
    assert "SECRET" not in found.to_json()


def _changes(before: Snapshot, after: Snapshot) -> list[str]:
    one = {o.identity: o.facts for o in before.objects}
    other = {o.identity: o.facts for o in after.objects if o.name != "lab_super"}
    found = [f"-{kind} {name}" for kind, name in one.keys() - other.keys()]
    found += [f"+{kind} {name}" for kind, name in other.keys() - one.keys()]
    for kind, name in one.keys() & other.keys():
        facts, new = one[kind, name], other[kind, name]
        if differing := sorted(f for f in {*facts, *new} if facts.get(f) != new.get(f)):
            found.append(f"{kind} {name}: {' '.join(differing)}")
    return sorted(found)


def test_a_restored_dump_equals_its_source(full_servers: dict[int, FullServer]) -> None:
    source, target = full_servers[15], full_servers[17]
    name = create_database(target.server)
    try:
        with psycopg.connect(target.server.dsn(name)) as connection:
            for section in SECTIONS:
                dumped = dump_section(source.server.dsn(source.database), section)
                connection.execute(dumped.encode())
        restored = FullServer(target.server, name, target.snapshot).read()
    finally:
        drop_database(target.server, name)
    # the dump omits publications: the mover creates its own
    changes = _changes(target.snapshot, restored)
    assert [c for c in changes if "publication" not in c] == []


@pytest.fixture
def fresh(full_servers: dict[int, FullServer]) -> Iterator[FullServer]:
    """Return an empty database on the newest server."""
    server = full_servers[18].server
    name = create_database(server)
    yield FullServer(server, name, Snapshot("", 0, "", ()))
    drop_database(server, name)


def _run(rich: FullServer, statement: str) -> None:
    with psycopg.connect(rich.server.dsn(rich.database)) as connection:
        connection.execute(statement.replace("{database}", rich.database).encode())


def test_unreadable_objects_are_named(fresh: FullServer) -> None:
    _run(fresh, "revoke select on pg_ts_dict from public")
    plain = fresh.read("lab_plain")
    assert set(plain.unread) == {"text_search_dictionary", "owner", "grant"}
    assert plain.unread["owner"].startswith("insufficient privilege (SQLSTATE 42501)")


def test_a_setting_is_a_new_sessions_value(fresh: FullServer) -> None:
    _run(fresh, "alter database {database} set timezone = 'Asia/Tokyo'")
    setting = fresh.read("lab_plain").of_kind("server_setting")["TimeZone"]
    assert setting.facts == {"value": "Asia/Tokyo", "hidden_by_our_role": False}


def test_settings_of_the_gates_role_are_ignored(fresh: FullServer) -> None:
    _run(fresh, "alter role lab_plain in database {database} set timezone = 'Asia/Tokyo'")
    setting = fresh.read("lab_plain").of_kind("server_setting")["TimeZone"]
    assert setting.facts == {"value": None, "hidden_by_our_role": True}


@pytest.mark.parametrize("major", MAJORS)
def test_an_icu_collation_reads_the_same_on_every_major(
    full_servers: dict[int, FullServer], major: int
) -> None:
    icu = full_servers[major].snapshot.of_kind("collation")["app.by_number"]
    assert icu.facts == {
        "provider": "icu",
        "deterministic": False,
        "encoding": None,
        "locale": "en-u-kn-true",
        "collate": None,
        "ctype": None,
        "icu_rules": None,
    }
