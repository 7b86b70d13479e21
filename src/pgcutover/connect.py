"""Sessions whose answers depend on the data alone: read only, one snapshot, output pinned."""

from dataclasses import dataclass
from typing import Any

import psycopg

from pgcutover.errors import ServerError
from pgcutover.redact import describe_error

# What the text output of a value depends on (PostgreSQL 17, 19.11 "Client Connection Defaults");
# row_security = off makes the server refuse a filtered answer instead of giving it.
PINNED = {
    "default_transaction_read_only": "on",
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog",
    "row_security": "off",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server and database: identity, version, WAL position, snapshot and clock."""

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
    snapshot: str = ""
    read_at: float = 0.0

    @property
    def identity(self) -> tuple[str, str, int]:
        """Which database of which running server; a restored copy has another start."""
        return self.system_identifier, self.started_at, self.database_oid

    def is_same_database(self, other: "ServerFacts") -> bool:
        """Whether both are one database, or one is a physical standby that repeats the other.

        A copy restored from a backup keeps system identifier and oid, but lives its own life.
        """
        alike = (self.system_identifier, self.database_oid) == (
            other.system_identifier,
            other.database_oid,
        )
        repeats = self.in_recovery or other.in_recovery
        return alike and (repeats or self.started_at == other.started_at)


def open_session(
    dsn: str, *, statement_timeout_seconds: float = 0.0, lock_timeout_seconds: float = 5.0
) -> psycopg.Connection[Any]:
    """A read-only repeatable-read session with every output setting pinned and verified.

    psycopg.Error where the server cannot be reached; ServerError where a setting does not hold.
    """
    connection = psycopg.connect(dsn, application_name="pgcutover")
    try:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        _pin(connection, statement_timeout_seconds, lock_timeout_seconds)
    except BaseException:
        connection.close()
        raise
    return connection


def open_side(side: str, dsn: str) -> psycopg.Connection[Any]:
    """A pinned read-only session; ServerError names the side and what the server said."""
    try:
        return open_session(dsn)
    except psycopg.ProgrammingError as error:
        raise ServerError(
            f"{side}: its DSN is not a conninfo string or URL that libpq understands"
        ) from error
    except psycopg.Error as error:
        raise ServerError(f"{side}: cannot connect: {describe_error(error)}") from error


def open_watch(dsn: str) -> psycopg.Connection[Any]:
    """A read-only autocommit session that sees the server's statistics as they are."""
    connection = psycopg.connect(dsn, autocommit=True, application_name="pgcutover")
    try:
        connection.execute("set search_path to pg_catalog")
        connection.execute("set default_transaction_read_only to on")
        connection.execute("set statement_timeout to '10s'")
    except BaseException:
        connection.close()
        raise
    return connection


def server_facts(connection: psycopg.Connection[Any]) -> ServerFacts:
    """Identity, version, TLS and WAL position; the LSN is where the next insert would go."""
    row = connection.execute(_FACTS).fetchone()
    if row is None:
        raise ServerError("the server gave no answer about itself; expected one row")
    return ServerFacts(*row)


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
       txid_current_snapshot()::text,
       extract(epoch from clock_timestamp())::float8
"""


def verify_pinned(connection: psycopg.Connection[Any]) -> None:
    """ServerError where a pinned setting does not hold in the current transaction.

    A pooler may give each transaction another session of the server, without our settings.
    """
    row = connection.execute(_SETTINGS, [list(PINNED)]).fetchone()
    found = dict(row[0]) if row else {}
    for name, value in PINNED.items():
        if found.get(name) != value:
            raise ServerError(
                f"setting {name} cannot be pinned: expected {value!r}, found {found.get(name)!r}; "
                "results would depend on it; connect to the server itself, not through a pooler "
                "that shares sessions"
            )


_SETTINGS = (
    "select pg_catalog.json_object_agg(n, pg_catalog.current_setting(n))"
    " from pg_catalog.unnest(%s::pg_catalog.text[]) n"
)


def _pin(
    connection: psycopg.Connection[Any], statement_seconds: float, lock_seconds: float
) -> None:
    wanted = {
        **PINNED,
        "statement_timeout": f"{int(statement_seconds * 1000)}",
        "lock_timeout": f"{int(lock_seconds * 1000)}",
    }
    # a command, which no function or type that stands before the system's can replace
    connection.execute("set search_path to pg_catalog")
    connection.execute(
        "select set_config(n, v, false) from unnest(%s::text[], %s::text[]) w (n, v)",
        [list(wanted), list(wanted.values())],
    )
    connection.commit()
    verify_pinned(connection)
    connection.commit()
