"""Test provisioning of a target that has some objects: only missing ones are created."""

from collections.abc import Callable
from pathlib import Path

import pytest
from compare.lab import run

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.execute import one_transaction, run_statements
from pgcutover.provision.pg_dump import SECTIONS, dump_section
from pgcutover.provision.phases import finish_target, prepare_target

SCHEMA = """
create schema app;
create type app.mood as enum ('sad', 'ok');
create domain app.positive as int check (value > 0);
create function app.double(n integer) returns integer language sql immutable as 'select n * 2';
create function app.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create table app.parent (id serial primary key, m app.mood default 'ok', "Odd ""name" text unique);
create table app.child (id bigint generated always as identity primary key,
    parent_id int references app.parent, n app.positive);
create index child_parent on app.child (parent_id);
create trigger t before update on app.child for each row execute function app.touch();
create view app.v as select id, count(*) from app.child group by id;
create materialized view app.mv as select id from app.parent;
create table app.parts (at date primary key) partition by range (at);
create table app.parts_1 partition of app.parts for values from ('2025-01-01') to ('2026-01-01');
alter table app.parent enable row level security;
create policy p on app.parent using (true);
create rule r as on delete to app.v do instead nothing;
create text search configuration app.plain (copy = simple);
create statistics app.s on id, parent_id from app.child;
create sequence app.standalone;
create collation app.german (provider = icu, locale = 'de');
comment on table app.parent is 'of the source';
comment on function app.double(integer) is 'of the source';
grant select on app.parent to public;
"""


@pytest.fixture
def source_dsn(fresh_database: Callable[..., str]) -> str:
    dsn = fresh_database("source")
    run(dsn, SCHEMA)
    return dsn


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for phase in ("pre-load", "post-load"):
        (tmp_path / phase).mkdir()
    (tmp_path / "post-load" / "01_more.sql").write_text("create index more on app.child (n)")
    return tmp_path


def provision(target: Connection, source_dsn: str, scripts: Path) -> list[str]:
    messages: list[str] = []
    prepare_target(
        target,
        source_dsn=source_dsn,
        scripts=scripts,
        evidence=scripts / "evidence",
        progress=messages.append,
    )
    finish_target(target, scripts=scripts, progress=messages.append)
    return messages


def restore(target: Connection, source_dsn: str, *sections: str) -> None:
    for section in sections:
        with one_transaction(target):
            run_statements(target, dump_section(source_dsn, section), section)


def value(target: Connection, query: str) -> object:
    row = target.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_a_restored_target_is_left_as_it_is(target, source_dsn, scripts) -> None:
    restore(target, source_dsn, *SECTIONS)
    target.execute("insert into app.parent default values")
    target.execute("insert into app.child (parent_id) values (1)")
    target.execute("comment on table app.parent is 'of the target'")
    target.execute("comment on function app.double(integer) is 'of the target'")
    target.execute("alter table app.parent alter m set default 'sad'")
    target.execute("revoke select on app.parent from public")
    before = value(target, "select 'app.child_parent'::regclass::oid")
    messages = " ".join(provision(target, source_dsn, scripts))
    assert "objects left as found on the target" in messages
    assert value(target, "select count(*) from app.child") == 1
    assert value(target, "select obj_description('app.parent'::regclass)") == "of the target"
    function = "select obj_description('app.double(int)'::regprocedure)"
    assert value(target, function) == "of the target"
    assert value(target, "select has_table_privilege('public', 'app.parent', 'select')") is False
    assert "sad" in str(
        value(target, "select pg_get_expr(adbin, adrelid) from pg_attrdef"
              " where adrelid = 'app.parent'::regclass and adnum = 2")
    )  # fmt: skip
    # an index of a table that has rows is not dropped for the load
    assert value(target, "select 'app.child_parent'::regclass::oid") == before
    assert value(target, "select to_regclass('app.more') is not null") is True
    again = provision(target, source_dsn, scripts)
    assert [line for line in again if not line.startswith("extracted")] == []


def test_objects_that_the_target_lacks_are_created(target, source_dsn, scripts) -> None:
    restore(target, source_dsn, *SECTIONS)
    target.execute(
        "drop view app.v; drop index app.child_parent; drop table app.parts_1;"
        " drop function app.double(int); drop trigger t on app.child;"
        " alter table app.child drop constraint child_parent_id_fkey;"
        " alter table app.parent drop constraint parent_pkey"
    )
    provision(target, source_dsn, scripts)
    found = "to_regclass('app.v'), to_regclass('app.child_parent'), to_regclass('app.parts_1')"
    assert value(target, f"select num_nulls({found})") == 0
    assert value(target, "select obj_description('app.double(int)'::regprocedure)") == (
        "of the source"
    )
    assert value(target, "select count(*) from pg_trigger where tgname = 't'") == 1
    assert value(target, "select count(*) from pg_constraint where contype = 'f'") == 1
    assert value(target, "select relispartition from pg_class where relname = 'parts_1'") is True


def test_a_statement_that_fails_for_another_reason_is_an_error(target, source_dsn, scripts) -> None:
    target.execute("create schema app; create table app.child (id int)")
    with pytest.raises(ProvisionError, match="parent_id"):
        provision(target, source_dsn, scripts)
    assert value(target, "select count(*) from pgcutover.journal") == 1


def test_an_empty_target_is_provisioned_as_a_whole(target, source_dsn, scripts) -> None:
    messages = " ".join(provision(target, source_dsn, scripts))
    assert "left as found" not in messages
    assert value(target, "select count(*) from pg_policy") == 1
