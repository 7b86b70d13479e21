"""Equal digest means equal representation: the text of a row is injective, on a real server."""

import hashlib

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgcutover.compare.rowtext import SideTable, digest_of, folded, in_buckets, text_of
from pgcutover.connect import open_session
from pgcutover.mapping import RelationName

TABLE = SideTable(RelationName("pg_temp", "pairs"), ("r", "k"), ("r",))
TRUE = sql.SQL("true")


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


def test_a_cast_that_a_user_made_is_not_asked(fresh_database):
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
        table = SideTable(RelationName("public", "pairs"), ("r", "k"), ())
        query = sql.SQL("select count(distinct {}) from {} r").format(
            text_of(table.columns), table.relation
        )
        assert connection.execute(query).fetchone() == (2,)


def test_a_database_of_another_encoding_gives_the_same_digests(pair):
    digests = []
    for encoding in ("UTF8", "LATIN1"):
        with psycopg.connect(pair.source.dsn(), autocommit=True) as connection:
            connection.execute(
                f"create database enc_{encoding} encoding {encoding} template template0"
                " lc_collate 'C' lc_ctype 'C'"
            )
        dsn = pair.source.dsn(f"enc_{encoding}".lower())
        try:
            with psycopg.connect(dsn) as connection:
                connection.execute("create table pairs (r text, k text)")
                connection.execute("insert into pairs values ('Zoë', 'é')")
            table = SideTable(RelationName("public", "pairs"), ("r", "k"), ("r",))
            with open_session(dsn) as connection:
                digests.append(connection.execute(folded(table, TRUE)).fetchall())
        finally:
            with psycopg.connect(pair.source.dsn(), autocommit=True) as connection:
                connection.execute(f"drop database enc_{encoding} with (force)")
    assert digests[0] == digests[1]


def test_values_traded_between_rows_change_the_sums(session):
    sums = []
    for rows in ([("1", "x"), ("2", "y")], [("1", "y"), ("2", "x")]):
        session.execute("truncate pairs")
        session.cursor().executemany("insert into pairs values (%s, %s)", rows)
        sums.append(session.execute(folded(TABLE, TRUE)).fetchall())
    assert sums[0] != sums[1]


def test_equal_rows_twice_do_not_cancel(session):
    session.execute("truncate pairs")
    once = session.execute(folded(TABLE, TRUE)).fetchall()
    session.execute("insert into pairs values ('a', 'b'), ('a', 'b')")
    assert session.execute(folded(TABLE, TRUE)).fetchall() != once


def test_a_bucket_holds_what_was_folded_into_it(session):
    session.execute("truncate pairs")
    session.execute("insert into pairs select i::text, 'x' from generate_series(1, 300) i")
    buckets = session.execute(folded(TABLE, TRUE)).fetchall()
    assert sum(count for _, count, _, _ in buckets) == 300
    for bucket, count, *_ in buckets[:20]:
        rows = session.execute(in_buckets(TABLE, TRUE, [bucket], None)).fetchall()
        assert sum(n for *_, n in rows) == count
    everything = session.execute(in_buckets(TABLE, TRUE, [b for b, *_ in buckets], None)).fetchall()
    assert everything == sorted(everything)
    keys = [k for k, *_ in everything[:3]]
    some = session.execute(in_buckets(TABLE, TRUE, [b for b, *_ in buckets], keys)).fetchall()
    assert [k for k, *_ in some] == keys


def test_digests_are_computed_once_a_row_and_not_at_every_mention(session):
    for query in (folded(TABLE, TRUE), in_buckets(TABLE, TRUE, [1, 2], None)):
        explained = session.execute(sql.SQL("explain verbose {}").format(query))
        folding, scan, _ = "\n".join(line for (line,) in explained).partition("Subquery Scan")
        assert scan
        assert "sha256" not in folding
