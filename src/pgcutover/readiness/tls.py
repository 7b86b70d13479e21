"""How a session travels: encrypted, and to the server that was meant."""

from collections.abc import Iterator

from pgcutover.compare.scan.sessions import Connection
from pgcutover.connect import server_facts
from pgcutover.diff import finding
from pgcutover.verdict import Finding


def tls_problem(side: str, connection: Connection) -> Iterator[Finding]:
    """What is wrong with the session's TLS, if anything."""
    tls, mode = server_facts(connection).tls, _parameter(connection, b"sslmode")
    if tls == "none" or mode != "verify-full":
        yield finding(
            side,
            "TLS not verified",
            f"{side}: TLS {tls}, sslmode {mode}; expected verify-full with sslrootcert, since only "
            "that checks the server's name",
        )


def _parameter(connection: Connection, name: bytes) -> str:
    """A parameter in effect, wherever it was set: in the DSN, a service file or the environment."""
    values = {option.keyword: option.val for option in connection.pgconn.info}
    return (values.get(name) or b"").decode()
