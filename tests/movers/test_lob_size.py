"""Test that the LOB limit is measured on the source, over every type that DMS moves as a LOB."""

from contextlib import contextmanager

import pytest

from pgcutover.connect import open_session
from pgcutover.errors import MoverError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms import largest_lob, lob_limit_kb
from pgcutover.movers.dms.settings import lob_size as lob_module

KB = 1024


@contextmanager
def measured(dsn, statements, columns=("id", "v")):
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as setup:
        setup.execute('create table public."T" (id int primary key)')
        setup.execute(statements)
    name = RelationName("public", "T")
    with open_session(dsn) as session:
        yield session, [MappedTable(name, name, tuple((c, c) for c in columns))]


@pytest.mark.parametrize(
    "column",
    [
        "v text default repeat('a', 100000)",
        "v varchar default repeat('a', 100000)",
        "v varchar(200000) default repeat('a', 100000)",
        "v bytea default convert_to(repeat('a', 100000), 'UTF8')",
        "v jsonb default to_jsonb(repeat('a', 99998))",
        "v json default to_json(repeat('a', 99998))",
        "v xml default xmlparse(content repeat('a', 100000))",
        "v text[] default array[repeat('a', 99998)]",
        "v public.long_text default repeat('a', 100000)",
    ],
)
def test_every_lob_type_is_measured(fresh_database, column):
    statements = f"""
        create domain public.text_domain as text;
        create domain public.long_text as public.text_domain;
        alter table public."T" add {column};
        insert into public."T" values (1);
    """
    with measured(fresh_database("source"), statements) as (session, tables):
        assert largest_lob(session, tables).largest_bytes == 100_000
        assert lob_limit_kb(session, tables) == 256  # twice 98 KB, in steps of 64


def test_short_types_are_no_lobs_and_removed_columns_do_not_count(fresh_database):
    statements = """
        alter table public."T" add v varchar(50), add n numeric, add c char(9), add ip inet,
            add gone text default repeat('a', 500000);
        insert into public."T" values (1, 'x', repeat('9', 3000)::numeric, 'c', '10.0.0.1');
    """
    columns = ("id", "v", "n", "c", "ip")
    with measured(fresh_database("source"), statements, columns) as (session, tables):
        assert largest_lob(session, tables) is None
        assert lob_limit_kb(session, tables) == 64


def test_an_empty_table_needs_the_smallest_limit(fresh_database):
    with measured(fresh_database("source"), 'alter table public."T" add v text') as (session, t):
        assert largest_lob(session, t).largest_bytes == 0
        assert lob_limit_kb(session, t) == 64


def test_value_above_limited_lob_mode_is_refused_by_name(fresh_database, monkeypatch):
    monkeypatch.setattr(lob_module, "MAX_LIMITED_LOB_KB", 90)
    statements = """
        alter table public."T" add v text default repeat('a', 100000);
        insert into public."T" values (1);
    """
    with (
        measured(fresh_database("source"), statements) as (session, tables),
        pytest.raises(MoverError, match=r"public\.T\.v has 98 KB.*full LOB mode"),
    ):
        lob_limit_kb(session, tables)


def test_table_the_source_lacks_is_named(fresh_database):
    ghost = RelationName("public", "ghost")
    with (
        open_session(fresh_database("source")) as session,
        pytest.raises(MoverError, match=r"public\.ghost"),
    ):
        lob_limit_kb(session, [MappedTable(ghost, ghost, (("id", "id"),))])
