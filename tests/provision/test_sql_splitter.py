"""Test that scripts are split as PostgreSQL splits them, with each statement's line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.errors import ProvisionError
from pgcutover.provision.sql_splitter import split_statements


@pytest.mark.parametrize(
    "statement",
    [
        "select 'a;b', \"c;d\", E'e\\';f', 'it''s;'",
        "do $$ begin perform 1; end $$",
        "do $outer$ select $$;$$; $outer$",
        "create rule r as on insert to t do (select 1; select 2)",
        "create function f() returns int begin atomic select case when true then 1 end; end",
        "create or replace procedure p() begin atomic select 1; select 2; end",
        "select 1 /* ; /* nested ; */ ; */ + 1",
        "select 1 -- ; not here\n + 1",
        "select date'2020-01-01', U&'\\0041;'",
        "select a$b$c from t",
    ],
)
def test_a_semicolon_inside_something_does_not_cut(statement: str) -> None:
    found = split_statements(f"{statement};\nselect 2;", "x.sql")
    assert [s.text for s in found] == [statement, "select 2"]


def test_begin_of_a_plain_block_is_not_a_function_body() -> None:
    texts = [s.text for s in split_statements("begin; select 1; commit", "x.sql")]
    assert texts == ["begin", "select 1", "commit"]


def test_the_line_is_that_of_the_first_word() -> None:
    found = split_statements("-- a comment\n\nselect 1;\n/* more\n*/ select\n 2;", "x.sql")
    assert [(s.text, s.line) for s in found] == [("select 1", 3), ("select\n 2", 5)]


def test_a_position_inside_a_statement_has_its_own_line() -> None:
    (statement,) = split_statements("\nselect 1,\n  nope\n", "x.sql")
    assert statement.line_of(statement.text.index("nope") + 1) == 3


@pytest.mark.parametrize("text", ["select 'a", 'select "a', "do $x$ a $y$", "/* /* */", "E'\\'"])
def test_a_quote_without_an_end_is_named_with_its_line(text: str) -> None:
    with pytest.raises(ProvisionError, match=r"x\.sql line 2: a quote or comment"):
        split_statements(f"\n{text}", "x.sql")


_PIECES = st.sampled_from(["select 1", "'a;b'", "$$;$$", "--;\n", "/*;*/", '";"', "(;)", " ", "\n"])


@given(st.lists(st.lists(_PIECES, min_size=1).map(lambda p: "x " + " ".join(p)), min_size=1))
def test_what_was_joined_is_cut_again(statements: list[str]) -> None:
    found = split_statements(";\n".join(s + "\n" for s in statements), "x.sql")
    assert len(found) == len(statements)
