"""An index that does not say what its table holds is named, and nothing of what it holds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from compare.lab import run
from psycopg.conninfo import conninfo_to_dict
from support.servers import Pair, drop_database

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.errors import UnreadableError
from pgcutover.schema.state.amcheck import amcheck_diff

TABLES = ["app.t", 'app."Parts"', '"app"."v"']
SCHEMA = (
    "create schema app",
    "create schema ext",
    "create extension amcheck schema ext",
    # the order of an index is what its operator class says, until the class says otherwise
    "create function app.cmp(int, int) returns int immutable language sql"
    " as 'select btint4cmp($1, $2)'",
    "create operator class app.own_ops for type int using btree as operator 1 <, operator 2 <=,"
    " operator 3 =, operator 4 >=, operator 5 >, function 1 app.cmp(int, int)",
    "create function app.f(int) returns int immutable language sql as 'select $1'",
    "create table app.t (id int primary key, secret text)",
    "insert into app.t select i, 'patient' || i from generate_series(1, 300) i",
    "create index t_own on app.t (id app.own_ops)",
    "create index t_f on app.t (app.f(id))",
    "create index t_hash on app.t using hash (id)",
    'create table app."Parts" (id int) partition by range (id)',
    'create table app.parts_1 partition of app."Parts" for values from (0) to (100)',
    'create table app.parts_2 partition of app."Parts" for values from (100) to (200)'
    " partition by range (id)",
    "create table app.parts_2a partition of app.parts_2 for values from (100) to (200)",
    'create index parts_own on app."Parts" (id app.own_ops)',
    'insert into app."Parts" select generate_series(0, 199)',
    "create materialized view app.v as select id from app.t",
    "create unique index v_id on app.v (id)",
)
REVERSED = (
    "create or replace function app.cmp(int, int) returns int immutable language sql"
    " as 'select btint4cmp($2, $1)'"
)
OTHER_KEYS = (
    "create or replace function app.f(int) returns int immutable language sql as 'select $1 + 1'"
)


@pytest.fixture
def indexed(pair: Pair, fresh_database: Callable[..., str]) -> str:
    template = pair.template("target", "amcheck", lambda dsn: run(dsn, *SCHEMA))
    return fresh_database("target", template)


@pytest.fixture
def stranger(indexed: str) -> Iterator[str]:
    run(indexed, 'create role "Odd one" login')
    run(indexed, 'grant usage on schema ext to "Odd one"')
    yield "Odd one"
    run(indexed, 'drop owned by "Odd one"', 'drop role "Odd one"')


def asked(dsn: str, tables: list[str] = TABLES, **options: object) -> Diff:
    with open_session(dsn) as session:
        return amcheck_diff(session, tables, **options)


@pytest.mark.parametrize("thorough", [False, True])
def test_sound_indexes_are_no_finding(indexed: str, thorough: bool) -> None:
    diff = asked(indexed, heapallindexed=thorough)
    assert not diff, diff.report()
    assert diff.facts == {"indexes": 6, "checked": 6}


def test_an_index_in_another_order_is_corrupt(indexed: str) -> None:
    run(indexed, REVERSED)
    diff = asked(indexed)
    names = ["app.parts_1_id_idx", "app.parts_2a_id_idx", "app.t_own"]
    assert [f.object for f in diff.findings()] == names
    assert {(f.kind, f.evidence["sqlstate"]) for f in diff.findings()} == {
        ("index corrupt", "XX002")
    }
    assert "reindex index app.t_own" in diff.report()
    assert diff.facts["checked"] == 6  # the others are looked at all the same


def test_a_row_that_is_not_in_its_index_is_told_by_the_thorough_check(indexed: str) -> None:
    run(indexed, OTHER_KEYS)
    assert not asked(indexed)
    (found,) = asked(indexed, heapallindexed=True).findings()
    assert (found.object, found.kind) == ("app.t_f", "index corrupt")


def test_what_was_made_anew_is_sound(indexed: str) -> None:
    names = [f"app.{name}" for name in ("t_own", "parts_1_id_idx", "parts_2a_id_idx")]
    run(indexed, REVERSED, *(f"reindex index {name}" for name in names))
    assert not asked(indexed)


def test_a_page_that_the_disk_lost_is_corrupt(pair: Pair, indexed: str) -> None:
    template, name = conninfo_to_dict(indexed)["dbname"], f"test_{uuid4().hex[:12]}"
    with psycopg.connect(pair.target.dsn(), autocommit=True) as server:
        # copied file by file, nothing of it is in the server's memory yet
        server.execute(f"create database {name} template {template} strategy file_copy")
    try:
        lose_a_page(pair.target.dsn(name), "app.t_own")
        (found,) = asked(pair.target.dsn(name), ["app.t"]).findings()
        assert (found.object, found.kind) == ("app.t_own", "index corrupt")
    finally:
        drop_database(pair.target, name)


def lose_a_page(dsn: str, index: str) -> None:
    """Zeroes where the index had its second page."""
    with psycopg.connect(dsn) as session:
        where = "select current_setting('data_directory'), pg_relation_filepath(%s)"
        ((folder, path),) = session.execute(where, [index]).fetchall()
    with (Path(folder) / path).open("r+b") as file:
        file.seek(8192)
        file.write(bytes(8192))


def test_only_what_is_asked_about_is_checked(indexed: str) -> None:
    run(indexed, REVERSED)
    assert not asked(indexed, ["app.v"])
    assert asked(indexed, ["app.parts_2"]).facts["indexes"] == 1


def test_a_sample_is_chosen_by_its_seed(indexed: str) -> None:
    run(indexed, REVERSED)
    found = [str(asked(indexed, sample=2, seed=n).findings()) for n in (1, 1, 2, 3, 4, 5)]
    assert found[0] == found[1]
    assert len(set(found)) > 1
    assert asked(indexed, sample=2, seed=1).facts == {"indexes": 6, "checked": 2}


def test_an_invalid_index_is_another_question(indexed: str) -> None:
    run(indexed, "update pg_index set indisvalid = false where indexrelid = 'app.t_own'::regclass")
    run(indexed, REVERSED)
    assert "app.t_own" not in [f.object for f in asked(indexed).findings()]


def test_without_the_extension_it_is_said_how_to_get_it(indexed: str) -> None:
    run(indexed, "drop extension amcheck")
    with pytest.raises(UnreadableError, match=r"by: create extension amcheck$"):
        asked(indexed)


def test_a_role_that_may_not_check_is_told_the_grant(indexed: str, stranger: str) -> None:
    statement = 'grant execute on function ext.bt_index_check(regclass, boolean) to "Odd one"'
    with open_session(indexed) as session:
        session.execute(f'set role "{stranger}"')
        with pytest.raises(UnreadableError) as error:
            amcheck_diff(session, TABLES)
    assert str(error.value).endswith(f"by: {statement}")
    run(indexed, statement)
    with open_session(indexed) as session:
        session.execute(f'set role "{stranger}"')
        assert not amcheck_diff(session, TABLES)  # with no right to any table
        run(indexed, REVERSED, "drop index app.parts_own")
        with pytest.raises(UnreadableError, match=r"app\.parts_2a_id_idx was dropped meanwhile"):
            amcheck_diff(session, ['app."Parts"'])


def test_a_relation_that_has_gone_is_unknown(indexed: str) -> None:
    with pytest.raises(UnreadableError, match=r"no relation app\.gone"):
        asked(indexed, ["app.gone", "app.t"])


def test_an_index_dropped_after_the_snapshot_is_unknown(indexed: str) -> None:
    with open_session(indexed) as session:
        session.execute("select 1")
        run(indexed, "drop index app.t_f")
        with pytest.raises(UnreadableError, match=r"app\.t_f was dropped meanwhile"):
            amcheck_diff(session, TABLES)


def test_an_index_that_is_locked_is_unknown_and_hides_no_corruption(indexed: str) -> None:
    run(indexed, REVERSED)
    with psycopg.connect(indexed) as other:
        other.execute("lock table app.parts_1")
        with open_session(indexed, lock_timeout_seconds=0.1) as session:
            diff = amcheck_diff(session, TABLES)
            with pytest.raises(UnreadableError, match="55P03"):
                amcheck_diff(session, ["app.parts_1"])
    assert [f.object for f in diff.findings()] == ["app.parts_2a_id_idx", "app.t_own"]
    assert "app.parts_1_id_idx" in diff.facts["warnings"][0]


def test_no_value_is_told(indexed: str) -> None:
    run(indexed, "create index t_secret on app.t ((secret || app.f(id)))", OTHER_KEYS)
    diff = asked(indexed, heapallindexed=True)
    assert len(diff.findings()) == 2
    assert "patient" not in repr(diff)
