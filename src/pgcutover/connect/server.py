"""The server that a connection reached: its facts, and that it is the same one each time."""

from dataclasses import dataclass
from typing import Any

import psycopg

from pgcutover.errors import AnotherServerError, ServerError

# of this process, by DSN: connections are opened in many places, and all must reach one server
_first_reached: dict[str, tuple[str, str]] = {}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server and a database: identity, version, WAL position, role, snapshot and clock."""

    server_version: str
    server_version_num: int
    system_identifier: str
    database: str
    database_oid: int
    lsn: str
    tls: str
    encoding: str
    collation: str
    started_at: str
    in_recovery: bool = False
    role: str = ""
    snapshot: str = ""
    read_at: float = 0.0

    @property
    def identity(self) -> tuple[str, str, int]:
        """The database of a running server; a restored copy has another start time."""
        return self.system_identifier, self.started_at, self.database_oid

    def is_same_database(self, other: "ServerFacts") -> bool:
        """Return whether both are one database, or one is a physical standby of the other.

        A copy restored from a backup has the same system identifier and oid, and another start.
        """
        alike = (self.system_identifier, self.database_oid) == (
            other.system_identifier,
            other.database_oid,
        )
        is_standby = self.in_recovery or other.in_recovery
        return alike and (is_standby or self.started_at == other.started_at)


def server_facts(connection: psycopg.Connection[Any]) -> ServerFacts:
    """Return the facts of the server; the LSN is the position of the next insert."""
    row = connection.execute(_FACTS).fetchone()
    if row is None:
        raise ServerError("the server returned no facts about itself; expected one row")
    return ServerFacts(*row)


def remember_server(dsn: str, facts: ServerFacts) -> None:
    """Remember the server that another process reached first."""
    _first_reached[dsn] = (facts.system_identifier, facts.started_at)


def refuse_another_server(connection: psycopg.Connection[Any], dsn: str) -> None:
    """Raise AnotherServerError unless this is the server that the DSN led to at first."""
    row = connection.execute(_IDENTITY).fetchone()
    if row is None:
        raise ServerError("the server returned no identity; expected one row")
    first = _first_reached.setdefault(dsn, (row[0], row[1]))
    if first != (row[0], row[1]):
        raise AnotherServerError(
            f"a new connection reached another server: expected system identifier {first[0]} "
            f"started at {first[1]}, found {row[0]} started at {row[1]}; the server was restarted "
            "or its address leads to several servers; name one server and run again"
        )


_IDENTITY = (
    "select system_identifier::text, pg_postmaster_start_time()::text from pg_control_system()"
)
_FACTS = """
select current_setting('server_version'),
       current_setting('server_version_num')::int,
       (select system_identifier::text from pg_control_system()),
       current_database()::text,
       (select oid::bigint from pg_database where datname = current_database()),
       (case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
             else pg_current_wal_insert_lsn() end)::text,
       coalesce((select version from pg_stat_ssl where pid = pg_backend_pid() and ssl), 'none'),
       pg_encoding_to_char((select encoding from pg_database where datname = current_database())),
       (select datcollate::text from pg_database where datname = current_database()),
       pg_postmaster_start_time()::text,
       pg_is_in_recovery(),
       quote_ident(current_user),
       txid_current_snapshot()::text,
       extract(epoch from clock_timestamp())::float8
"""
