"""Real servers for tests: one pair per pytest process (or xdist worker), new databases per test."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from pgcutover.embedded.server import RunningServer, ServerSpec, servers

SOURCE_MAJOR = 15
TARGET_MAJOR = 17
# autovacuum would visit the databases of all tests, and write at moments of its own
_SETTINGS = {"max_prepared_transactions": "10", "autovacuum_naptime": "1d"}
_FILE_COPY_SINCE = 15
_ENDS = ("Client", "Server")


@dataclass(frozen=True, slots=True)
class Pair:
    """The running servers of this process, and the template databases on them."""

    source: RunningServer
    target: RunningServer
    templates: dict[tuple[str, str], str] = field(default_factory=dict)

    def server(self, side: str) -> RunningServer:
        return {"source": self.source, "target": self.target}[side]

    def template(self, side: str, key: str, build: Callable[[str], None]) -> str:
        """Return the name of a database filled by build(dsn), once per process, side and key."""
        if (side, key) not in self.templates:
            name = create_database(self.server(side))
            build(self.server(side).dsn(name))
            self.templates[side, key] = name
        return self.templates[side, key]


@dataclass(frozen=True, slots=True)
class Databases:
    """Superuser DSNs of two new databases of the same name, one on each side."""

    name: str
    source: str
    target: str
    servers: Pair


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    specs = [
        ServerSpec("source", SOURCE_MAJOR, _SETTINGS),
        ServerSpec("target", TARGET_MAJOR, _SETTINGS),
    ]
    with servers(specs, progress=lambda _: None) as running:
        for server in running.values():
            shorten_login(server)
        yield Pair(running["source"], running["target"])


def shorten_login(server: RunningServer) -> None:
    """Store the superuser's password with 1 SCRAM iteration, not 4096.

    The client computes them for each of the many connections, which took more than half of its time
    to connect. The length of the password makes up for them.
    """
    role, password = sql.Identifier(server.superuser), sql.Literal(_verifier(server.password))
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(sql.SQL("alter role {} password {}").format(role, password))


def _verifier(password: str) -> str:
    """Return the verifier that PostgreSQL stores for a password (RFC 5802)."""
    salt = uuid4().bytes
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    client, server = (hmac.digest(salted, f"{end} Key".encode(), "sha256") for end in _ENDS)
    parts = (salt, hashlib.sha256(client).digest(), server)
    return "SCRAM-SHA-256$1:{}${}:{}".format(*(b64encode(part).decode() for part in parts))


@pytest.fixture
def databases(pair: Pair) -> Iterator[Databases]:
    """Empty databases on both sides, dropped after the test."""
    with fresh_databases(pair) as fresh:
        yield fresh


@pytest.fixture
def fresh_database(pair: Pair) -> Iterator[Callable[..., str]]:
    """Return fresh_database(side, template=None), which returns the DSN of a new database."""
    made: list[tuple[RunningServer, str]] = []

    def make(side: str, template: str | None = None) -> str:
        server = pair.server(side)
        made.append((server, create_database(server, template=template)))
        return server.dsn(made[-1][1])

    yield make
    for server, name in made:
        drop_database(server, name)


@contextmanager
def fresh_databases(
    pair: Pair, source_template: str | None = None, target_template: str | None = None
) -> Iterator[Databases]:
    """Yield databases of one random name on both sides, copied from templates or empty."""
    name = f"test_{uuid4().hex[:12]}"
    try:
        create_database(pair.source, name, source_template)
        create_database(pair.target, name, target_template)
        yield Databases(name, pair.source.dsn(name), pair.target.dsn(name), pair)
    finally:
        drop_database(pair.source, name)
        drop_database(pair.target, name)


def create_database(
    server: RunningServer, name: str | None = None, template: str | None = None
) -> str:
    """Return the name of a new database, copied from a template or empty.

    Copying its files takes half of the time of copying its pages through the WAL; before 15 the
    files are copied anyway.
    """
    name = name or f"test_{uuid4().hex[:12]}"
    strategy = "strategy file_copy" if server.major >= _FILE_COPY_SINCE else ""
    statement = sql.SQL(f"create database {{}} template {{}} {strategy}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(statement)
    return name


def drop_database(server: RunningServer, name: str) -> None:
    """Drop a database with its sessions, slots and subscriptions, if it exists."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        if conn.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            _release(server, name)
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _release(server: RunningServer, name: str) -> None:
    with psycopg.connect(server.dsn(name), autocommit=True) as conn:
        wait = ", 5000" if conn.info.server_version >= 140000 else ""
        conn.execute(
            f"select pg_terminate_backend(pid{wait}) from pg_stat_activity".encode()
            + b" where datname = current_database() and pid <> pg_backend_pid()"
        )
        for (subscription,) in conn.execute(
            "select subname from pg_subscription s join pg_database d on d.oid = s.subdbid"
            " where d.datname = current_database()"
        ).fetchall():
            _drop_subscription(conn, subscription)
        for (gid,) in conn.execute(
            "select gid from pg_prepared_xacts where database = current_database()"
        ).fetchall():
            conn.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
        conn.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where database = current_database()"
        )


def _drop_subscription(conn: psycopg.Connection[tuple[object, ...]], subscription: str) -> None:
    name = sql.Identifier(subscription)
    conn.execute(sql.SQL("alter subscription {} disable").format(name))
    conn.execute(sql.SQL("alter subscription {} set (slot_name = none)").format(name))
    conn.execute(sql.SQL("drop subscription {}").format(name))
