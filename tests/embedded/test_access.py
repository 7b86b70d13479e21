"""Test access to the servers: TLS with the run's own CA, and a SCRAM password."""

from pathlib import Path

import psycopg
import pytest
import trustme
from psycopg.conninfo import make_conninfo
from support.processes import command_lines
from support.servers import Databases, Pair

SIDES = pytest.mark.parametrize("side", ["source", "target"])


@SIDES
def test_refuses_another_ca(pair: Pair, side: str, tmp_path: Path) -> None:
    stranger = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))

    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(make_conninfo(pair.server(side).dsn(), sslrootcert=str(stranger)))


@SIDES
def test_refuses_to_be_taken_for_another_host(pair: Pair, side: str) -> None:
    dsn = make_conninfo(pair.server(side).dsn(), host="db.example", hostaddr="127.0.0.1")

    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(dsn)


@SIDES
def test_refuses_a_connection_without_tls(pair: Pair, side: str) -> None:
    dsn = make_conninfo(pair.server(side).dsn(), sslmode="disable")

    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(dsn)


@SIDES
def test_refuses_a_wrong_password(pair: Pair, side: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(pair.server(side).dsn(user="postgres", password="wrong"))


@SIDES
def test_stores_new_passwords_as_scram(databases: Databases, side: str) -> None:
    with psycopg.connect(getattr(databases, side)) as conn:
        conn.execute("create role visitor login password 'x'")
        stored = conn.execute("select rolpassword from pg_authid where rolname = 'visitor'")
        assert stored.fetchone()[0].startswith("SCRAM-SHA-256$")
        conn.rollback()


@SIDES
def test_password_is_in_no_argument_no_log_no_repr(pair: Pair, side: str) -> None:
    server = pair.server(side)

    assert server.password not in repr(server)
    assert server.password not in "".join(command_lines().values())
    assert server.password not in (server.run_dir / side / "server.log").read_text()
    assert not (server.run_dir / side / "initial-password").exists()


@SIDES
def test_listens_on_this_machine_only(pair: Pair, side: str) -> None:
    with psycopg.connect(pair.server(side).dsn()) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("localhost",)
        assert conn.execute("show unix_socket_directories").fetchone() == ("",)
