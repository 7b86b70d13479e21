"""The write fence: who it stops, what it leaves behind, and how it is recognized."""

from contextlib import ExitStack

import psycopg
import pytest
from freeze.conftest import TABLES, Site, statement_result
from psycopg import sql

from pgcutover.connect import open_session, open_watch, open_writer
from pgcutover.errors import FreezeError
from pgcutover.freeze import (
    Freeze,
    FreezeOptions,
    create_fence,
    find_fenced,
    inspect_fence,
    read_relations,
    remove_fence,
)
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.snapshot import collect_snapshot

WRITES = {
    "insert": "insert into app.plain (body) values ('late')",
    "update": "update app.plain set body = 'late' where false",
    "copy": "insert into app.parts select 7, '2020-06-06'",
    "truncate": "truncate app.heir",
    "root": "delete from app.parts",
    "middle": "delete from app.parts_new",
    "leaf": "insert into app.parts_one values (1, '2021-01-01')",
    "heir": "update app.heir set body = 'late'",
    "merge": "with w as (insert into app.plain (body) values ('x') returning id) table w",
}
STATE = """
select (select array_agg(row(oid, relacl, relowner) order by oid) from pg_class
        where relnamespace = 'app'::regnamespace)::text,
       (select array_agg(t order by t.oid) from pg_trigger t)::text,
       (select array_agg(row(attrelid, attnum, attacl) order by 1) from pg_attribute
        where attacl is not null)::text,
       (select array_agg(nspname order by 1) from pg_namespace where nspname !~ '^pg_')::text
"""


def state(dsn: str) -> object:
    with psycopg.connect(dsn) as connection:
        return connection.execute(STATE).fetchone()


def test_the_fence_stops_every_writer_and_leaves_nothing_when_it_is_removed(site: Site) -> None:
    before = state(site.dsn)
    with site.freeze() as freeze:
        freeze.lock()
        journal: list[object] = []
        writers = freeze.fence_and_commit(journal.append)
        assert journal == [writers]
        assert writers.unfenced == ()
        assert "postgres" in writers.superusers
    assert {name: statement_result(site.dsn, w) for name, w in WRITES.items()} == dict.fromkeys(
        WRITES, "25006"
    )
    assert statement_result(site.role("app"), WRITES["insert"]) == "25006"
    assert statement_result(site.role("owner"), WRITES["insert"]) == "25006"
    every = "delete from app.parts_old"
    assert statement_result(site.role("all"), f"grant usage on schema app to {site.roles['all']}")
    assert statement_result(site.dsn, f"grant usage on schema app to {site.roles['all']}") == "ok"
    assert statement_result(site.role("all"), every) == "25006"
    mover = f"set session_replication_role = replica; {WRITES['insert']}"
    assert statement_result(site.dsn, mover) == "ok"
    statement_result(site.dsn, f"revoke usage on schema app from {site.roles['all']}")
    with open_writer(site.dsn) as connection:
        assert remove_fence(connection) == ()
    assert state(site.dsn) == before
    assert statement_result(site.dsn, WRITES["insert"]) == "ok"


def test_a_table_in_use_delays_no_writer_when_the_fence_is_removed(site: Site) -> None:
    before = state(site.dsn)
    with psycopg.connect(site.dsn) as reader, open_writer(site.dsn) as connection:
        relations = read_relations(connection, TABLES)
        create_fence(connection, relations)
        connection.commit()
        reader.execute("select from only app.plain")
        assert list(map(str, remove_fence(connection))) == ["app.plain"]
        assert statement_result(site.dsn, WRITES["insert"]) == "ok"
        # neither open nor complete by name alone: the function decides
        assert find_fenced(connection) == ()
        assert not inspect_fence(connection, relations).is_complete
        create_fence(connection, relations)
        connection.commit()
        assert inspect_fence(connection, relations).is_complete
        assert statement_result(site.dsn, WRITES["insert"]) == "25006"
        reader.rollback()
        assert remove_fence(connection) == ()
    assert state(site.dsn) == before


def test_a_journal_that_cannot_be_written_rolls_the_fence_back(site: Site) -> None:
    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    before = state(site.dsn)
    with site.freeze() as freeze:
        freeze.lock()
        with pytest.raises(OSError, match="No space"):
            freeze.fence_and_commit(fail)
        assert not freeze.is_locked
    assert state(site.dsn) == before


def test_a_role_whose_sessions_fire_no_trigger_prevents_the_switch(site: Site) -> None:
    role = sql.Identifier(site.roles["app"])
    with psycopg.connect(site.dsn, autocommit=True) as connection, ExitStack() as stack:
        alter = "alter role {} {} session_replication_role"
        connection.execute(sql.SQL(alter + " = replica").format(role, sql.SQL("set")))
        stack.callback(connection.execute, sql.SQL(alter).format(role, sql.SQL("reset")))
        with site.freeze() as freeze:
            freeze.lock()
            with pytest.raises(FreezeError, match=f"{site.roles['app']} starts with session_rep"):
                freeze.fence_and_commit(lambda _: None)
        options = FreezeOptions(may_pass=(site.roles["app"],))
        passing = Freeze(
            lambda: open_writer(site.dsn), lambda: open_watch(site.dsn), TABLES, options
        )
        with passing as freeze:
            freeze.lock()
            assert freeze.fence_and_commit(lambda _: None).unfenced == ()
        with open_writer(site.dsn) as writer:
            remove_fence(writer)


def test_only_the_fence_itself_is_left_out_of_the_schema(site: Site) -> None:
    def triggers() -> set[str]:
        with open_session(site.dsn) as connection:
            return {
                o.name for o in collect_snapshot(connection, KINDS).objects if o.kind == "trigger"
            }

    with open_writer(site.dsn) as connection:
        relations = read_relations(connection, TABLES)
        create_fence(connection, relations)
        connection.commit()
        assert triggers() == set()
        assert inspect_fence(connection, relations).is_complete
        connection.execute("alter table app.plain disable trigger pgcutover_fence")
        connection.execute("drop trigger pgcutover_fence on app.parts_old")
        connection.commit()
        found = inspect_fence(connection, relations)
        assert (list(map(str, found.altered)), list(map(str, found.open))) == (
            ["app.plain"],
            ["app.parts_old"],
        )
        assert triggers() == {"app.plain.pgcutover_fence"}
        connection.execute("alter table app.plain enable trigger pgcutover_fence")
        connection.execute(
            "create or replace function pgcutover.pgcutover_fence() returns trigger"
            " language plpgsql as 'begin return null; end'"
        )
        connection.commit()
        assert inspect_fence(connection, relations).fenced == ()
        assert len(triggers()) == 5
        assert len(find_fenced(connection)) == 5
        remove_fence(connection)
        connection.commit()
        assert triggers() == set()
