"""Definitions are compared by what they say, under the names that the mapping gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.compare.sqltext import Likeness, Names, alike, same_definition, tokens

NAMES = Names(
    {"nick": "alias", "zone": "area", "text": "words", "a b": "c"},
    {"app": frozenset({"core", "sales"})},
)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("lower(nick)", "lower(alias)"),
        ("(active AND (nick IS NOT NULL))", "(active AND (alias IS NOT NULL))"),
        ('upper("a b")', "upper(c)"),
        ("(app.tax(total))", "(core.tax(total))"),
        ("(kind = 'x'::app.mood)", "(kind = 'x'::sales.mood)"),
        ("(at)::timestamp without time zone", "(at)::timestamp without time zone"),
        ("(text)::text", "(words)::text"),
        ("((comp).nick)", "((comp).nick)"),
        ("nick(nick)", "nick(alias)"),
        ("(nick COLLATE nick)", "(alias COLLATE nick)"),
        ("app.mood[]", "core.mood[]"),
        ("'nick'::text", "'nick'::text"),
        ("E'a\\'nick'", "E'a\\'nick'"),
        (None, None),
    ],
)
def test_same_under_the_new_names(source, target):
    assert alike(source, target, NAMES) is Likeness.SAME


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("lower(nick)", "lower(nick)"),
        ("lower(email)", "upper(email)"),
        ("(total > 0)", "(total > '-1'::integer)"),
        ("(kind = 'a'::text)", "(kind = 'A'::text)"),
        ("(a = 1)", "(a = 1) OR (b = 2)"),
        ("(app.tax(total))", "(core.tax2(total))"),
        ("'nick'::text", "'alias'::text"),
        ("(a)::app.mood", "(a)::text"),
        (None, "(a > 0)"),
        ("(a > 0)", None),
        ("'it''s'", "'its'"),
    ],
)
def test_different(source, target):
    assert alike(source, target, NAMES) is Likeness.DIFFERENT


@pytest.mark.parametrize(
    ("source", "target"), [("app.tax(a)", "other.tax(a)"), ("lib.mood", "app.mood")]
)
def test_a_move_that_no_rule_explains_cannot_be_decided(source, target):
    assert alike(source, target, NAMES) is Likeness.UNDECIDED


def test_definitions_are_one_whatever_their_writing():
    found = 'CREATE UNIQUE INDEX i ON ONLY health."Metrics" USING btree (id, at DESC)'
    assert same_definition(
        found, 'create unique index i\n on health."Metrics" using btree (id, at desc);'
    )
    assert not same_definition(
        found, "create unique index i on health.metrics using btree (id, at desc)"
    )
    assert not same_definition(found, found.replace("id, at", "at, id"))
    assert not same_definition(found + " WHERE (k = 'A')", found + " WHERE (k = 'a')")


identifiers = st.text(min_size=1, max_size=8)


@given(st.lists(identifiers, max_size=6))
def test_every_quoted_name_survives(names):
    text = " + ".join('"' + name.replace('"', '""') + '"' for name in names)
    assert [t.value for t in tokens(text) if t.is_name] == names


@given(identifiers, identifiers)
def test_only_equal_string_constants_are_the_same(one, other):
    quoted = ["'" + text.replace("'", "''") + "'" for text in (one, other)]
    assert (alike(*quoted, NAMES) is Likeness.SAME) == (one == other)
