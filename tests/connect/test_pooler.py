"""Test that a pooler that shares sessions is refused before the first SET."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from support.forwarder import forwarded
from support.pgbouncer import pgbouncer

from pgcutover.connect import open_owner, open_session, open_side, open_watch, open_writer
from pgcutover.errors import ServerError

OPENERS = {"session": open_session, "watch": open_watch, "writer": open_writer, "owner": open_owner}


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
@pytest.mark.parametrize("size", [1, 3])
def test_a_pooler_in_transaction_mode_is_refused(fresh_database, opener, size) -> None:
    with (
        pgbouncer(fresh_database("source"), "transaction", size) as dsn,
        pytest.raises(ServerError, match=r"pooler in transaction mode.*connect to the server"),
    ):
        opener(dsn)


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
def test_a_pooler_in_statement_mode_is_refused(fresh_database, opener) -> None:
    with (
        pgbouncer(fresh_database("source"), "statement") as dsn,
        pytest.raises(ServerError, match=r"a transaction cannot begin.*connect to the server"),
    ):
        opener(dsn)


def test_a_pooler_in_session_mode_is_used(fresh_database) -> None:
    with pgbouncer(fresh_database("source"), "session") as dsn, open_session(dsn) as connection:
        assert connection.execute("select current_setting('timezone')").fetchone() == ("UTC",)


def test_a_full_pool_is_named_as_such(fresh_database) -> None:
    with (
        pgbouncer(fresh_database("source"), "session", 1, query_wait_timeout=1) as dsn,
        psycopg.connect(dsn) as holder,
    ):
        holder.execute("select 1")
        with pytest.raises(ServerError, match=r"every session of the pooler's pool was in use"):
            open_session(dsn)


def test_a_forwarder_is_used(fresh_database) -> None:
    with forwarded(fresh_database("source")) as dsn, open_session(dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_the_refusal_names_the_side_and_no_password(fresh_database) -> None:
    direct = fresh_database("source")
    with (
        pgbouncer(direct, "transaction") as dsn,
        pytest.raises(ServerError, match=r"^source: ") as raised,
    ):
        open_side("source", dsn)
    assert conninfo_to_dict(direct)["password"] not in str(raised.value)
