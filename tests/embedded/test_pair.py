"""Test the pair of servers that all other tests use."""

import psycopg
import pytest
from support.servers import Databases, Pair, create_database, drop_database


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query).fetchone()[0]


def test_majors_are_15_and_17(databases: Databases) -> None:
    assert one(databases.source, "show server_version").startswith("15.")
    assert one(databases.target, "show server_version").startswith("17.")


@pytest.mark.parametrize("side", ["source", "target"])
def test_wal_is_logical_and_connections_are_encrypted(databases: Databases, side: str) -> None:
    dsn = getattr(databases, side)

    assert one(dsn, "show wal_level") == "logical"
    assert one(dsn, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") is True
    assert one(dsn, "select rolpassword like 'SCRAM%' from pg_authid where rolname = 'postgres'")


def test_databases_are_dropped_despite_sessions_and_slots(pair: Pair) -> None:
    name = create_database(pair.source)
    with psycopg.connect(pair.source.dsn(name), autocommit=True) as held:
        held.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
        held.execute("begin")
        held.execute("create table t (id int)")
        held.execute("prepare transaction 'left'")

        drop_database(pair.source, name)

    count = f"select count(*) from pg_database where datname = '{name}'"
    assert one(pair.source.dsn(), count) == 0


def test_a_template_is_built_once_and_copied(pair: Pair, fresh_database) -> None:
    built: list[str] = []

    def build(dsn: str) -> None:
        built.append(dsn)
        with psycopg.connect(dsn) as conn:
            conn.execute("create table t as select 42 as answer")

    for _ in range(2):
        template = pair.template("target", "answer", build)
        assert one(fresh_database("target", template), "select answer from t") == 42
    assert len(built) == 1
