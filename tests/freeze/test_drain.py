"""The drain through each stream, and the fence of the mover's role on the target."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from freeze.conftest import TABLES, Site, site_on, statement_result
from support.servers import Pair

from pgcutover.connect import Connection, open_watch, open_writer
from pgcutover.errors import FreezeError
from pgcutover.freeze import (
    DrainMarker,
    MoverFence,
    fence_mover_role,
    hold_tables,
    is_mover_fenced,
    read_relations,
    restore_mover_role,
)
from pgcutover.mapping import RelationName
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.sides import Sides

INSERT = "insert into app.plain (body) values ('late')"


@pytest.fixture(scope="module")
def target(pair: Pair) -> Iterator[Site]:
    with site_on(pair.target) as made:
        yield made


@pytest.fixture
def owner(target: Site) -> Iterator[Connection]:
    with open_writer(target.dsn) as connection:
        yield connection


def test_a_drain_waits_for_every_stream_and_names_those_that_lag(site: Site, target: Site) -> None:
    with psycopg.connect(site.dsn) as a, psycopg.connect(target.dsn) as b:
        for connection in (a, b):
            connection.execute("create table app.marker_2 (like app.marker including all)")
    names = [RelationName("app", name) for name in ("marker", "marker_2")]
    streams = [Sides(name, name) for name in names]
    stop = threading.Event()

    def move() -> None:
        with (
            psycopg.connect(site.dsn, autocommit=True) as a,
            psycopg.connect(target.dsn, autocommit=True) as b,
        ):
            while not stop.wait(0.01):
                for row in a.execute("table app.marker").fetchall():
                    b.execute("insert into app.marker values (%s, %s) on conflict do nothing", row)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        with open_writer(site.dsn) as source, open_watch(target.dsn) as reader:
            result = DrainMarker(source, reader, streams[:1]).drain(5)
            assert result.streams.keys() == {"app.marker"}
            with pytest.raises(FreezeError, match=r"no marker arrived in app\.marker_2 within"):
                DrainMarker(source, reader, streams).drain(0.2)
    finally:
        stop.set()
        mover.join()


def test_the_movers_role_is_logged_out_and_comes_back(target: Site, owner: Connection) -> None:
    role = target.roles["app"]
    with psycopg.connect(target.role("app")) as mover:
        mover.execute(INSERT)
        assert not is_mover_fenced(owner, role)
        fence = fence_mover_role(owner, role)
        assert fence == MoverFence(role, "nologin", True, 1)
        with pytest.raises(psycopg.OperationalError):
            mover.execute("select 1")
    assert statement_result(target.role("app"), INSERT) != "ok"
    assert is_mover_fenced(owner, role)
    restore_mover_role(owner, fence)
    assert statement_result(target.role("app"), INSERT) == "ok"
    with pytest.raises(FreezeError, match="does not exist; name the role"):
        fence_mover_role(owner, "nobody")


def test_a_prepared_transaction_of_the_mover_is_refused(target: Site, owner: Connection) -> None:
    role = target.roles["app"]
    with psycopg.connect(target.role("app"), autocommit=True) as mover:
        mover.execute(f"begin; {INSERT}")
        mover.execute(f"prepare transaction '{target.name}'")
    with pytest.raises(FreezeError, match="1 session or prepared transaction of role"):
        fence_mover_role(owner, role)
    assert not is_mover_fenced(owner, role)
    owner.commit()
    statement_result(target.dsn, f"rollback prepared '{target.name}'")
    restore_mover_role(owner, MoverFence(role, "nologin", True))


def test_triggers_refuse_a_role_that_cannot_be_altered(target: Site) -> None:
    for statement in (
        "reassign owned by current_user to {owner}",
        "grant all on all tables in schema app to {app}",
        "alter schema app owner to {owner}",
    ):
        if "reassign" not in statement:
            words = {"owner": target.roles["owner"], "app": target.roles["app"]}
            assert statement_result(target.dsn, statement.format(**words)) == "ok"
    for table in ("parts", "parts_old", "parts_new", "parts_one", "heir"):
        alter = f"alter table app.{table} owner to {target.roles['owner']}"
        assert statement_result(target.dsn, alter) == "ok"
    role = target.roles["app"]
    with open_writer(target.role("owner")) as connection:
        relations = read_relations(connection, TABLES)
        with pytest.raises(FreezeError, match="cannot be fenced on the target"):
            fence_mover_role(connection, role)
        fence = fence_mover_role(connection, role, relations)
        assert fence.method == "triggers"
        assert is_mover_fenced(connection, role, relations)
        results = [
            statement_result(target.role("app"), statement)
            for statement in (
                INSERT,
                "update app.parts set day = day",
                "truncate app.parts",
                "insert into app.parts_one values (1, '2021-07-07')",
            )
        ]
        assert results == ["25006"] * 4
        replica = f"set session_replication_role = replica; set role {role}; {INSERT}"
        assert statement_result(target.dsn, replica) == "ok"  # its session_user is another
        assert statement_result(target.dsn, INSERT) == "ok"
        with open_watch(target.dsn) as reader:
            assert [o for o in collect_snapshot(reader, KINDS).objects if o.kind == "trigger"] == []
        restore_mover_role(connection, fence, relations)
        assert not is_mover_fenced(connection, role, relations)
    assert statement_result(target.role("app"), INSERT) == "ok"


def test_the_gate_is_refused_where_a_request_waits_already(site: Site) -> None:
    with psycopg.connect(site.dsn) as writer, open_watch(site.dsn) as gate:
        relations = read_relations(gate, TABLES)
        writer.execute("lock app.heir in access exclusive mode")
        with pytest.raises(FreezeError, match="cannot lock the tables for reading"):
            hold_tables(gate, relations, 0.05)
        writer.rollback()
        hold_tables(gate, relations, 0.05)
        blocked = "set lock_timeout to '20ms'; truncate app.heir"
        assert statement_result(site.dsn, blocked) == "55P03"
