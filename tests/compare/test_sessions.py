"""Test that a lost or failing session makes one result UNKNOWN, with its reason."""

import psycopg
import pytest
from compare.lab import Lab, run

from pgcutover.compare.scan.sessions import SideSession
from pgcutover.connect import PINNED, open_session, verify_pinned
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import ServerError, UnreadableError
from pgcutover.sides import fetch_both


def terminate(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'pgcutover' and datname = current_database()"
        ).fetchall()
    return len(found)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_lost_session_is_replaced_for_the_next_table(own_lab: Lab, side: str) -> None:
    with own_lab.comparer() as comparer:
        assert not comparer.rows(own_lab.table("core.kv"))
        assert terminate(getattr(own_lab, side)) == 1
        assert not comparer.rows(own_lab.table("core.ledger"))


def test_a_session_lost_within_a_table_is_unknown_and_a_retry_works(lab: Lab) -> None:
    run(lab.target, "delete from core.ledger where id = 399")
    with lab.comparer() as comparer:
        table = lab.table("core.ledger")
        assert comparer.counts(table)
        terminate(lab.target)
        with pytest.raises(UnreadableError, match=r"^core.ledger: the target could not be read"):
            comparer.recent(table)
        assert comparer.recent(table)


def test_a_session_lost_after_the_scan_keeps_its_results(lab: Lab) -> None:
    run(lab.target, "update core.kv set v = 'x' where k = 'key-1'")
    with lab.comparer() as comparer:
        table = lab.table("core.kv")
        assert not comparer.counts(table)
        terminate(lab.target)
        (found,) = comparer.rows(table).findings()
    assert found.evidence["columns"].keys() == {"v"}


def test_an_unreachable_server_is_unknown(lab: Lab) -> None:
    manifest = lab.manifest()
    lab.target = lab.target.replace("port=", "port=1")
    with (
        lab.comparer(manifest) as comparer,
        pytest.raises(ServerError, match="target: cannot connect"),
    ):
        comparer.rows(manifest.tables[0])


def test_a_statement_timeout_is_unknown_and_the_next_table_is_compared(lab: Lab) -> None:
    run(
        lab.target,
        "create table core.slow as select i id, i::text v from generate_series(1, 300000) i",
        "alter table core.session_cache rename to was_cache",
        "alter table core.slow rename to session_cache",
    )
    with lab.comparer(statement_timeout_seconds=0.05) as comparer:
        with pytest.raises(UnreadableError, match="statement_timeout_seconds"):
            comparer.rows(lab.table("core.session_cache"))
        assert not comparer.rows(lab.table("core.accounts"))


def test_the_first_error_cancels_the_other_side(pair) -> None:
    def ask(connection: psycopg.Connection, query: str) -> object:
        with unreadable_on_error("side", "table"):
            return connection.execute(query).fetchone()

    finished = []
    with open_session(pair.source.dsn()) as one, open_session(pair.target.dsn()) as other:
        with pytest.raises(UnreadableError, match="division by zero"):
            fetch_both(
                lambda: ask(one, "select 1 / 0"),
                lambda: finished.append(ask(other, "select pg_sleep(60)")),
                (one, other),
            )
        assert finished == []
        other.rollback()
        assert ask(other, "select 1") == (1,)


def test_every_setting_that_affects_output_is_pinned(pair, fresh_database) -> None:
    dsn = fresh_database("source")
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        for setting, value in {
            "timezone": "'Asia/Kolkata'",
            "datestyle": "'SQL, DMY'",
            "intervalstyle": "sql_standard",
            "extra_float_digits": "-3",
            "bytea_output": "escape",
            "xmlbinary": "hex",
            "search_path": "public",
        }.items():
            connection.execute(f"alter database {name} set {setting} = {value}")
    with open_session(dsn) as connection:
        row = connection.execute(
            "select timestamptz '2026-01-02 03:04:05.6+00'::text, interval '1 day 2 hours'::text,"
            " (0.1::float8 + 0.2)::text, '\\x01'::bytea::text, current_setting('search_path')"
        ).fetchone()
    assert row == (
        "2026-01-02 03:04:05.6+00",
        "1 day 02:00:00",
        "0.30000000000000004",
        "\\x01",
        "pg_catalog",
    )


@pytest.mark.parametrize("name", ["timezone", "row_security", "extra_float_digits"])
def test_a_setting_that_cannot_be_pinned_is_an_error(pair, name: str) -> None:
    other = {"timezone": "Asia/Tokyo", "row_security": "on", "extra_float_digits": "0"}
    with open_session(pair.source.dsn()) as connection:
        verify_pinned(connection)
        connection.execute(f"set {name} = '{other[name]}'")
        with pytest.raises(ServerError, match=f"setting {name} cannot be pinned"):
            verify_pinned(connection)
    assert name in PINNED


def test_nothing_can_be_written(pair) -> None:
    session = SideSession("source", pair.source.dsn())
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.snapshot().execute("create table public.oops (id int)")
    assert pair.source.password not in repr(session)
    session.close()
