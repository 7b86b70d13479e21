"""Test that amcheck finds corrupt indexes, and that findings never show a value."""

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
    # replacing a function of the operator class changes the index's order
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
def role(indexed: str) -> Iterator[str]:
    run(indexed, 'create role "Odd one" login')
    run(indexed, 'grant usage on schema ext to "Odd one"')
    yield "Odd one"
    run(indexed, 'drop owned by "Odd one"', 'drop role "Odd one"')


def check_indexes(dsn: str, tables: list[str] = TABLES, **options: object) -> Diff:
    with open_session(dsn) as session:
        return amcheck_diff(session, tables, **options)


@pytest.mark.parametrize("thorough", [False, True])
def test_valid_indexes_pass(indexed: str, thorough: bool) -> None:
    diff = check_indexes(indexed, heapallindexed=thorough)
    assert not diff, diff.report()
    assert diff.facts == {"indexes": 6, "checked": 6}


def test_an_index_in_another_order_is_corrupt(indexed: str) -> None:
    run(indexed, REVERSED)
    diff = check_indexes(indexed)
    names = ["app.parts_1_id_idx", "app.parts_2a_id_idx", "app.t_own"]
    assert [f.object for f in diff.findings()] == names
    assert {(f.kind, f.evidence["sqlstate"]) for f in diff.findings()} == {
        ("index corrupt", "XX002")
    }
    assert "reindex index app.t_own" in diff.report()
    assert diff.facts["checked"] == 6  # the other indexes are still checked


def test_the_thorough_check_finds_a_row_missing_from_its_index(indexed: str) -> None:
    run(indexed, OTHER_KEYS)
    assert not check_indexes(indexed)
    (found,) = check_indexes(indexed, heapallindexed=True).findings()
    assert (found.object, found.kind) == ("app.t_f", "index corrupt")


def test_a_rebuilt_index_passes(indexed: str) -> None:
    names = [f"app.{name}" for name in ("t_own", "parts_1_id_idx", "parts_2a_id_idx")]
    run(indexed, REVERSED, *(f"reindex index {name}" for name in names))
    assert not check_indexes(indexed)


def test_a_zeroed_page_is_corrupt(pair: Pair, indexed: str) -> None:
    template, name = conninfo_to_dict(indexed)["dbname"], f"test_{uuid4().hex[:12]}"
    with psycopg.connect(pair.target.dsn(), autocommit=True) as server:
        # copied file by file, so that none of it is in shared buffers
        server.execute(f"create database {name} template {template} strategy file_copy")
    try:
        lose_a_page(pair.target.dsn(name), "app.t_own")
        (found,) = check_indexes(pair.target.dsn(name), ["app.t"]).findings()
        assert (found.object, found.kind) == ("app.t_own", "index corrupt")
    finally:
        drop_database(pair.target, name)


def lose_a_page(dsn: str, index: str) -> None:
    """Zero the second page of the index."""
    with psycopg.connect(dsn) as session:
        where = "select current_setting('data_directory'), pg_relation_filepath(%s)"
        ((folder, path),) = session.execute(where, [index]).fetchall()
    with (Path(folder) / path).open("r+b") as file:
        file.seek(8192)
        file.write(bytes(8192))


def test_only_the_given_indexes_are_checked(indexed: str) -> None:
    run(indexed, REVERSED)
    assert not check_indexes(indexed, ["app.v"])
    assert check_indexes(indexed, ["app.parts_2"]).facts["indexes"] == 1


def test_a_sample_is_chosen_by_its_seed(indexed: str) -> None:
    run(indexed, REVERSED)
    found = [str(check_indexes(indexed, sample=2, seed=n).findings()) for n in (1, 1, 2, 3, 4, 5)]
    assert found[0] == found[1]
    assert len(set(found)) > 1
    assert check_indexes(indexed, sample=2, seed=1).facts == {"indexes": 6, "checked": 2}


def test_an_invalid_index_is_skipped(indexed: str) -> None:
    run(indexed, "update pg_index set indisvalid = false where indexrelid = 'app.t_own'::regclass")
    run(indexed, REVERSED)
    assert "app.t_own" not in [f.object for f in check_indexes(indexed).findings()]


def test_a_missing_extension_is_reported_with_its_remedy(indexed: str) -> None:
    run(indexed, "drop extension amcheck")
    with pytest.raises(UnreadableError, match=r"by: create extension amcheck$"):
        check_indexes(indexed)


def test_a_missing_privilege_is_reported_with_its_grant(indexed: str, role: str) -> None:
    statement = 'grant execute on function ext.bt_index_check(regclass, boolean) to "Odd one"'
    with open_session(indexed) as session:
        session.execute(f'set role "{role}"')
        with pytest.raises(UnreadableError) as error:
            amcheck_diff(session, TABLES)
    assert str(error.value).endswith(f"by: {statement}")
    run(indexed, statement)
    with open_session(indexed) as session:
        session.execute(f'set role "{role}"')
        assert not amcheck_diff(session, TABLES)  # without privileges on any table
        run(indexed, REVERSED, "drop index app.parts_own")
        with pytest.raises(UnreadableError, match=r"app\.parts_2a_id_idx was dropped meanwhile"):
            amcheck_diff(session, ['app."Parts"'])


def test_a_dropped_relation_is_unknown(indexed: str) -> None:
    with pytest.raises(UnreadableError, match=r"no relation app\.gone"):
        check_indexes(indexed, ["app.gone", "app.t"])


def test_an_index_dropped_after_the_snapshot_is_unknown(indexed: str) -> None:
    with open_session(indexed) as session:
        session.execute("select 1")
        run(indexed, "drop index app.t_f")
        with pytest.raises(UnreadableError, match=r"app\.t_f was dropped meanwhile"):
            amcheck_diff(session, TABLES)


def test_a_locked_index_is_unknown_and_hides_no_corruption(indexed: str) -> None:
    run(indexed, REVERSED)
    with psycopg.connect(indexed) as other:
        other.execute("lock table app.parts_1")
        with open_session(indexed, lock_timeout_seconds=0.1) as session:
            diff = amcheck_diff(session, TABLES)
            with pytest.raises(
                UnreadableError,
                match=r"^1 index could not .*_idx: app\.parts_1: locked by",
            ):
                amcheck_diff(session, ["app.parts_1"])
    assert [f.object for f in diff.findings()] == ["app.parts_2a_id_idx", "app.t_own"]
    assert "app.parts_1_id_idx" in diff.facts["warnings"][0]


def test_no_finding_contains_a_value(indexed: str) -> None:
    run(indexed, "create index t_secret on app.t ((secret || app.f(id)))", OTHER_KEYS)
    diff = check_indexes(indexed, heapallindexed=True)
    assert len(diff.findings()) == 2
    assert "patient" not in repr(diff)
