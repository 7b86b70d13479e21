"""Connections as clients get them: from the secret or the env file, with nothing set."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from pgcutover.connect import Connection, ServerFacts
from pgcutover.connect.pooler import connect
from pgcutover.cutover.errors import StepError
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.verdict import Finding

_SECONDS = 5
# a pooler that shares sessions may stand here: every setting ends with the transaction
_LIMITS = f"set local statement_timeout to '{_SECONDS}s'; set local lock_timeout to '1s'"
_REACHED = """
select (select system_identifier::text from pg_catalog.pg_control_system()),
       pg_catalog.current_database()::text
"""


@dataclass(frozen=True, slots=True)
class ClientPlace:
    """A place from which clients read their connection."""

    name: str
    read_dsn: Callable[[], str] = field(repr=False)

    def open(self, *, read_only: bool = True) -> Connection:
        """Connect as a client; psycopg.Error where that fails."""
        try:
            dsn = self.read_dsn()
        except StepError as error:
            raise UnreadableError(str(error)) from error
        return connect(dsn, read_only=read_only)


def login_finding(
    place: str, client: Connection, expected: ServerFacts, side: str
) -> Finding | None:
    """Return a finding if clients of a place reach another database than they are sent to."""
    wanted = (expected.system_identifier, expected.database)
    try:
        with limited(client):
            found = client.execute(_REACHED).fetchone()
    except psycopg.Error as error:
        raise UnreadableError(
            f"{place}: the server that clients reach is not known: {describe_error(error)}"
        ) from error
    if found == wanted:
        return None
    system, database = found or ("nothing", "nothing")
    return finding(
        place,
        "another database",
        f"{place}: expected clients to reach the {side}, system identifier {wanted[0]}, database "
        f"{wanted[1]}; found {system}, {database}; correct the DSN",
    )


@contextmanager
def limited(connection: Connection) -> Iterator[None]:
    """A transaction in which no statement waits long; it commits nothing."""
    with connection.transaction(force_rollback=True):
        connection.execute(_LIMITS.encode())
        yield
