"""Test that moved objects are expected in their new place, and excluded ones are handled."""

from collections.abc import Sequence

import pytest
from compare.lab import Lab, TableOptions, rule, rules, run
from support.servers import Databases

APP = rule(1, "selection", "include", "app", "%")
MOVE = rule(2, "transformation", "rename", "app", rule_target="schema", value="core")
OUTSIDE = rule(3, "selection", "exclude", "outside", "%")
TYPES = """
create schema app;
create type app.mood as enum ('good', 'bad');
create domain app.short as varchar(5);
create type app.pair as (one app.mood, two text);
create function app.twice(int) returns int language sql immutable as 'select $1 * 2';
create table app.t (
    id int primary key, mood app.mood not null, moods app.mood[], short app.short, pair app.pair,
    doubled int generated always as (app.twice(id)) stored
);
create index t_twice on app.t (app.twice(id)) where mood = 'good';
insert into app.t (id, mood, moods, short, pair)
    select i, 'good', '{good,bad}', 'abc', row('bad'::app.mood, 'x')::app.pair
    from generate_series(1, 20) i;
"""
PARENT = """
create schema app; create schema outside;
create table outside.parent (id int primary key);
create table app.child (id int primary key, parent int constraint fk references outside.parent);
insert into outside.parent select generate_series(1, 5);
insert into app.child select i, i from generate_series(1, 5) i;
"""


def lab_of(databases: Databases, *documents: dict[str, object]) -> Lab:
    return Lab(databases.source, databases.target, rules=rules(list(documents)), recent={})


def made(lab: Lab, source: str, target: Sequence[str]) -> Lab:
    run(lab.source, source)
    run(lab.target, source, *target)
    return lab


def test_types_and_functions_that_moved_with_their_schema_are_the_same(databases) -> None:
    lab = made(lab_of(databases, APP, MOVE), TYPES, ["alter schema app rename to core"])
    results = lab.judge()
    assert (results.red, results.unknown) == ({}, {})


def test_a_type_that_went_where_no_rule_says_is_red(databases) -> None:
    lab = made(
        lab_of(databases, APP, MOVE),
        TYPES,
        ["alter schema app rename to core", "create schema z", "alter type core.mood set schema z"],
    )
    results = lab.judge()
    assert results.red.keys() == {"SCHEMA-COLUMNS[core.t]", "SCHEMA-INDEXES[core.t_twice]"}
    assert "type: expected core.mood, found z.mood" in results.text


def test_another_type_of_the_same_schema_is_red(databases) -> None:
    other = "alter table core.t alter short type varchar(5)"
    lab = made(lab_of(databases, APP, MOVE), TYPES, ["alter schema app rename to core", other])
    results = lab.judge()
    assert results.red.keys() == {"SCHEMA-COLUMNS[core.t]"}
    assert "expected core.short, found character varying(5)" in results.text


def test_a_parent_out_of_scope_is_the_same_parent(databases) -> None:
    lab = made(lab_of(databases, APP, OUTSIDE), PARENT, [])
    assert lab.judge().red == {}


@pytest.mark.parametrize(
    ("damage", "red"),
    [
        ("alter table app.child drop constraint fk", "SCHEMA-FKS[app.child.fk]"),
        (
            "set session_replication_role = replica; delete from outside.parent where id = 3",
            "DATA-ORPHANS[app.child.fk]",
        ),
    ],
)
def test_a_parent_out_of_scope_is_judged_all_the_same(databases, damage: str, red: str) -> None:
    lab = made(lab_of(databases, APP, OUTSIDE), PARENT, [damage])
    assert lab.judge().red.keys() == {red}


def test_a_column_that_a_rule_removes_is_not_asked_for(databases) -> None:
    remove = rule(4, "transformation", "remove-column", "app", "t", "gone", rule_target="column")
    table = "create schema app; create table app.t (id int primary key, kept text, gone text);"
    lab = made(lab_of(databases, APP, remove), table, ["alter table app.t drop gone"])
    run(lab.source, "insert into app.t values (1, 'a', 'lost on purpose')")
    run(lab.target, "insert into app.t values (1, 'a')")
    assert lab.judge().red == {}
    run(lab.target, "update app.t set kept = 'b'")
    assert lab.judge().red.keys() == {"DATA-ROWS[app.t]"}


def test_an_excluded_column_that_the_target_lacks_leaves_the_rows_decidable(databases) -> None:
    table = "create schema app; create table app.t (id int primary key, v text, cache text);"
    lab = made(lab_of(databases, APP), table, ["alter table app.t drop cache"])
    lab.options = {"tables": {"app.t": TableOptions(excluded_columns=("cache",))}}
    results = lab.judge()
    assert results.red.keys() == {"SCHEMA-COLUMNS[app.t]"}
    assert results.unknown == {}


def test_an_index_that_is_broken_on_the_source_need_not_be_broken_on_the_target(databases) -> None:
    table = (
        "create schema app; create table app.t (id int primary key); create index i on app.t (id);"
    )
    lab = made(lab_of(databases, APP), table, [])
    broken = "update pg_index set indisvalid = false where indexrelid = 'app.i'::regclass"
    run(lab.source, broken)
    assert lab.judge().red == {}
    run(lab.target, broken)
    assert lab.judge().red.keys() == {"SCHEMA-INDEXES[app.i]"}


def test_a_key_whose_columns_stand_in_another_order_still_finds_its_rows(databases) -> None:
    source = "create schema app; create table app.t (a int, b int, v text, primary key (b, a));"
    rows = "insert into app.t (a, b, v) select i, 9 - i, 'x' from generate_series(1, 9) i"
    lab = made(lab_of(databases, APP), source, [])
    run(lab.source, rows)
    run(
        lab.target,
        "drop table app.t; create table app.t (v text, b int, a int, primary key (b, a));",
        rows,
    )
    assert lab.judge().red == {}
    run(lab.target, "update app.t set v = 'y' where a = 3")
    results = lab.judge()
    assert results.red.keys() == {"DATA-ROWS[app.t]"}
    assert "1 row changed on the target in v" in results.text


def test_a_column_that_a_new_primary_key_makes_not_null_is_named(databases) -> None:
    """The target would reject rows that the application can still insert on the source."""
    table = "create schema app; create table app.t (id int constraint pk primary key, at date);"
    lab = made(
        lab_of(databases, APP),
        table,
        ["alter table app.t drop constraint pk, add constraint pk primary key (id, at)"],
    )
    results = lab.judge()
    assert results.red.keys() == {"SCHEMA-COLUMNS[app.t]", "SCHEMA-INDEXES[app.pk]"}
    assert "column app.t.at differs: not null: found, not expected" in results.text


def test_rows_without_a_key_are_known_by_their_whole_selves(databases) -> None:
    """A unique column can be NULL in many rows; such rows are missing or extra, never changed."""
    table = "create schema app; create table app.t (a int unique, v text);"
    lab = made(lab_of(databases, APP), table, [])
    for dsn in (lab.source, lab.target):
        run(dsn, "insert into app.t values (null, 'x'), (null, 'y'), (1, 'z'), (2, null)")
    assert lab.judge().red == {}
    run(lab.target, "update app.t set v = 'z' where v = 'y'")
    text = lab.judge().text
    assert "1 row missing" in text
    assert "1 row extra" in text
    run(lab.target, "update app.t set v = 'y' where a is null and v = 'z'")
    run(lab.target, "update app.t set v = 'Z' where a = 1")
    assert "1 row changed on the target in v (letter case differs)" in lab.judge().text
