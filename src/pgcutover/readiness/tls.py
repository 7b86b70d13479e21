"""Checks that a session is encrypted and has verified the server's name."""

from collections.abc import Iterator

from pgcutover.connect import Connection, server_facts
from pgcutover.diff import finding
from pgcutover.verdict import POLICY_NOT_MET, Finding


def tls_problems(side: str, connection: Connection) -> Iterator[Finding]:
    """Yield a finding where a session does not use TLS with sslmode verify-full."""
    tls, mode = server_facts(connection).tls, _parameter(connection, b"sslmode")
    if tls == "none" or mode != "verify-full":
        yield finding(
            side,
            POLICY_NOT_MET,
            f"{side}: TLS {tls}, sslmode {mode}; expected verify-full with sslrootcert, since only "
            "that checks the server's name; to accept it, give the reason in "
            "[policy] unverified_tls of migration.toml",
        )


def _parameter(connection: Connection, name: bytes) -> str:
    """Return a parameter in effect, from the DSN, a service file or the environment."""
    values = {option.keyword: option.val for option in connection.pgconn.info}
    return (values.get(name) or b"").decode()
