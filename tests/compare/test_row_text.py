"""Test on a real server that rows with equal text or digest are equal rows."""

import hashlib

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgcutover.compare.hashing.row_text import ComparedTable, digest_of, text_of
from pgcutover.connect import open_session
from pgcutover.mapping import RelationName


@pytest.fixture(scope="module")
def session(pair):
    with psycopg.connect(pair.source.dsn(), autocommit=True) as connection:
        connection.execute("create temp table pairs (r text, k text)")
        yield connection


def text(session, r, k):
    session.execute("truncate pairs")
    session.execute("insert into pairs values (%s, %s)", [r, k])
    query = sql.SQL("select {}, {} from pairs r").format(
        text_of(("r", "k")), digest_of(text_of(("r", "k")))
    )
    return session.execute(query).fetchone()


cells = (
    st.none()
    | st.sampled_from(["", "NULL", "n;", "0:;", "1:a;", "a", "\\N", "é"])
    | st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=5)
)
few = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@few
@given(one=st.tuples(cells, cells), other=st.tuples(cells, cells))
def test_only_equal_rows_have_equal_text(session, one, other):
    (text_one, _), (text_other, _) = text(session, *one), text(session, *other)
    assert (text_one == text_other) == (one == other)


def test_the_digest_is_sha256_of_utf8(session):
    found, digest = text(session, "é", None)
    assert (found, digest) == ("2:é;n;", hashlib.sha256("2:é;n;".encode()).digest())


def test_a_user_defined_cast_is_not_used(fresh_database):
    dsn = fresh_database("source")
    with psycopg.connect(dsn) as connection:
        connection.execute(
            """create type pair as (a text, b text);
            create function lie(pair) returns text language sql immutable return 'same';
            create cast (pair as text) with function lie(pair) as assignment;
            create table pairs (r pair, k text);
            insert into pairs values (row('a', 'b'), 'x'), (row('a', 'c'), 'x')"""
        )
    with open_session(dsn) as connection:
        table = ComparedTable(RelationName("public", "pairs"), ("r", "k"), ())
        query = sql.SQL("select count(distinct {}) from {} r").format(
            text_of(table.columns), table.relation
        )
        assert connection.execute(query).fetchone() == (2,)
