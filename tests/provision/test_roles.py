"""Test that roles are created with passwords that a SCRAM exchange verifies."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from support.kgc import PASSWORDS
from support.servers import Pair

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.roles import apply_roles


def test_a_role_logs_in_with_its_password_and_no_other(kgc_template: str, pair: Pair) -> None:
    dsn = pair.source.dsn(kgc_template, "kgc_app", PASSWORDS["kgc_app"])
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select current_user").fetchone() == ("kgc_app",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(make_conninfo(dsn, password="another"))


def test_the_server_never_sees_the_password(
    target: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.execute("create role short_lived")
    try:
        apply_roles(target, [], {"short_lived": "clear text"})
        query = "select rolpassword from pg_authid where rolname = 'short_lived'"
        (stored,) = target.execute(query).fetchone() or ("",)
        assert str(stored).startswith("SCRAM-SHA-256$")
        activity = target.execute("select query from pg_stat_activity").fetchall()
        assert "clear text" not in str(activity)
    finally:
        target.execute("drop role short_lived")


def test_an_empty_password_is_refused(target: Connection) -> None:
    with pytest.raises(ProvisionError, match="password of role 'x' is empty"):
        apply_roles(target, [], {"x": ""})
