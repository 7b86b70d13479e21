"""Test that equal characters in different database encodings compare as equal rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from compare.lab import Lab, rule, rules
from support.servers import Pair, drop_database

TABLE = "create table app.t (k text primary key, v text, n int)"
APP = rules([rule(1, "selection", "include", "app", "%")])


@contextmanager
def encode_column(pair: Pair, source: str, target: str) -> Iterator[Lab]:
    name = f"test_{uuid4().hex[:12]}"
    try:
        for server, encoding in ((pair.source, source), (pair.target, target)):
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(
                    f"create database {name} template template0 encoding '{encoding}'"
                    " lc_collate 'C' lc_ctype 'C'"
                )
            with psycopg.connect(server.dsn(name)) as connection:
                connection.execute("create schema app")
                connection.execute(TABLE)
        yield Lab(pair.source.dsn(name), pair.target.dsn(name), rules=APP, recent={})
    finally:
        drop_database(pair.source, name)
        drop_database(pair.target, name)


def write(dsn: str, statement: str, encoding: str, client: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(f"set client_encoding = '{client}'")
        connection.pgconn.exec_(statement.encode(encoding))


ROWS = "insert into app.t values ('clé', 'café ñandú', 1), ('b', 'Straße', 2)"
KEPT = {"SQL_ASCII": ("utf-8", "SQL_ASCII"), "LATIN1": ("latin-1", "LATIN1")}


@pytest.mark.parametrize("kept", KEPT)
def test_equal_text_matches_and_a_changed_row_is_named(pair: Pair, kept: str) -> None:
    with encode_column(pair, kept, "UTF8") as lab:
        write(lab.source, ROWS, *KEPT[kept])
        write(lab.target, ROWS, "utf-8", "UTF8")
        assert (lab.judge().red, lab.judge().unknown) == ({}, {})
        write(lab.target, "update app.t set n = 7", "utf-8", "UTF8")
        results = lab.judge()
    assert results.red.keys() == {"DATA-ROWS[app.t]"}
    assert "2 rows changed on the target in n (values differ)," in results.text


def test_invalid_text_is_compared_as_bytes(pair: Pair) -> None:
    with encode_column(pair, "SQL_ASCII", "SQL_ASCII") as lab:
        for dsn in (lab.source, lab.target):
            write(dsn, "insert into app.t values ('a', 'café', 1)", "latin-1", "SQL_ASCII")
        assert (lab.judge().red, lab.judge().unknown) == ({}, {})
        write(lab.target, "update app.t set n = 7", "latin-1", "SQL_ASCII")
        results = lab.judge()
    assert results.red.keys() == {"DATA-ROWS[app.t]"}
    assert "1 row changed on the target" in results.text


def test_invalid_text_is_unknown_if_encodings_differ(pair: Pair) -> None:
    with encode_column(pair, "SQL_ASCII", "UTF8") as lab:
        write(lab.source, "insert into app.t values ('a', 'café', 1)", "latin-1", "SQL_ASCII")
        write(lab.target, "insert into app.t values ('a', 'café', 1)", "utf-8", "UTF8")
        results = lab.judge()
    assert results.red == {}
    assert results.unknown.keys() == {"DATA-ROWS[app.t]", "DATA-COUNTS[app.t]"}
    assert "holds text that is not valid UTF-8; repair it" in results.text
