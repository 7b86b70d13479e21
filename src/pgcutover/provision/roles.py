"""Roles and their passwords, which no file, log or statement ever shows in clear text."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.execute import one_transaction, run_statements


def apply_roles(conn: Connection, files: Iterable[Path], passwords: Mapping[str, str]) -> None:
    """Runs the role scripts and sets the passwords, in one transaction; harmless when repeated."""
    with one_transaction(conn):
        for path in files:
            run_statements(conn, path.read_text(encoding="utf-8"), f"roles/{path.name}")
        for role, password in passwords.items():
            _set_password(conn, role, password)


def _set_password(conn: Connection, role: str, password: str) -> None:
    """Sends only the SCRAM verifier: server logs and pg_stat_activity show statements whole."""
    if not password:
        raise ProvisionError(f"the password of role {role!r} is empty; give one")
    verifier = conn.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    conn.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier))
    )
