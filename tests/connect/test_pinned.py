"""Test that every transaction is read only and pinned, and that one server answers them all."""

from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgcutover.connect import (
    open_session,
    open_side,
    open_watch,
    open_writer,
    remember_server,
    server_facts,
)
from pgcutover.errors import AnotherServerError, ServerError

HOSTILE = "-c timezone=Asia/Tokyo -c statement_timeout=1234 -c row_security=on"
READ = (
    "select current_setting('timezone'), current_setting('statement_timeout'),"
    " current_setting('transaction_read_only'), current_setting('transaction_isolation')"
)


@pytest.fixture
def hostile(fresh_database) -> str:
    """The DSN of a database whose sessions start with other settings."""
    return make_conninfo(fresh_database("source"), options=HOSTILE)


def test_every_transaction_is_pinned_and_read_only(hostile) -> None:
    expected = ("UTC", "0", "on", "repeatable read")
    with open_session(hostile) as connection:
        for end in (connection.commit, connection.rollback, connection.commit):
            assert connection.execute(READ).fetchone() == expected
            end()
        with connection.transaction():
            assert connection.execute(READ).fetchone() == expected
        with connection.cursor(binary=True) as cursor:
            assert cursor.execute(READ).fetchone() == expected
            connection.commit()
            assert list(cursor.stream(READ)) == [expected]
            connection.commit()
            with cursor.copy(f"copy ({READ}) to stdout") as copy:
                assert b"".join(copy) == b"UTC\t0\ton\trepeatable read\n"


def test_between_transactions_the_session_has_its_own_settings(hostile) -> None:
    with open_session(hostile) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        connection.commit()
        status = connection.pgconn.parameter_status
        assert (status(b"TimeZone"), status(b"application_name")) == (b"Asia/Tokyo", b"")


def test_a_savepoint_keeps_the_settings(hostile) -> None:
    with open_session(hostile) as connection, connection.transaction():
        with connection.transaction() as savepoint:
            connection.execute("set local timezone to 'Asia/Kolkata'")
            raise psycopg.Rollback(savepoint)
        row = connection.execute("select current_setting('timezone')").fetchone()
    assert row == ("UTC",)


def test_a_snapshot_can_be_set_after_the_settings(fresh_database) -> None:
    dsn = fresh_database("source")
    with open_session(dsn) as one, open_session(dsn) as other:
        ((snapshot,),) = one.execute("select pg_export_snapshot()").fetchall()
        other.execute(psycopg.sql.SQL("set transaction snapshot {}").format(snapshot))
        one_sees, other_sees = (
            c.execute("select pg_current_snapshot()::text").fetchone() for c in (one, other)
        )
    assert one_sees == other_sees


@pytest.mark.parametrize("opener", [open_session, open_watch, open_writer])
def test_nothing_is_prepared(fresh_database, opener) -> None:
    with opener(fresh_database("source")) as connection:
        for n in range(12):
            connection.execute("select %s::int", [n])
        count = connection.execute("select count(*) from pg_prepared_statements").fetchone()
    assert count == (0,)


def test_autocommit_is_an_error_because_nothing_would_be_pinned(fresh_database) -> None:
    with open_session(fresh_database("source")) as connection:
        connection.autocommit = True
        with pytest.raises(ServerError, match="settings cannot be pinned"):
            connection.execute("select 1")


def test_a_writer_flushes_its_commits(fresh_database) -> None:
    dsn = make_conninfo(fresh_database("source"), options="-c synchronous_commit=off")
    with open_writer(dsn) as connection:
        connection.execute("create table t (v text)")
        row = connection.execute("select current_setting('synchronous_commit')").fetchone()
    assert row == ("on",)


@pytest.mark.parametrize("other", ["system_identifier", "started_at"])
def test_another_server_behind_the_address_is_an_error(fresh_database, other) -> None:
    dsn = fresh_database("source")
    with open_session(dsn) as connection:
        facts = server_facts(connection)
    remember_server(dsn, replace(facts, **{other: "another"}))
    with pytest.raises(AnotherServerError, match=r"^target: a new connection reached another"):
        open_side("target", dsn)
