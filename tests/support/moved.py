"""An application's schema before and after its tables have moved, and a role of its clients."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from support.servers import Databases, Pair, fresh_databases

from pgcutover.connect import open_watch, server_facts
from pgcutover.cutover.resolver import Side
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.smoke import SmokeChecker
from pgcutover.smoke.client import ClientPlace
from pgcutover.smoke.plans import Query

CLIENT = "smoke_client"
MARKER = RelationName("public", "marker")
ROWS = "insert into {} (email) select g || '@kgc.test' from generate_series(1, 20000) g; analyze {}"
SOURCE = """
create table public.users (id bigint generated always as identity primary key, email text unique,
    made_at timestamptz not null default now());
create table public.visits (id serial primary key, token uuid default gen_random_uuid());
create table public.audit (id int);
create table public.marker (id uuid primary key);
"""
TARGET = """
create schema auth;
create table auth.users (id bigint generated always as identity primary key, email text unique,
    made_at timestamptz not null default now());
create table public.visits (id serial primary key, token uuid default gen_random_uuid());
create table public.audit (id int);
create table public.marker (id uuid primary key);
"""
TABLES = [
    MappedTable(RelationName("public", "users"), RelationName("auth", "users"), ()),
    MappedTable(*[RelationName("public", "visits")] * 2, ()),
    MappedTable(*[RelationName("public", "audit")] * 2, ()),
    MappedTable(MARKER, MARKER, ()),
]
GRANTS = (
    "grant usage on all sequences in schema public to {role}",
    "grant insert, select, update on {users}, public.visits to {role}",
    "grant select on public.audit to {role}",
)


@dataclass
class Moved:
    """Both databases, and the checker of clients that were sent to the target."""

    databases: Databases
    checker: SmokeChecker

    def change(self, side: str, statement: str) -> None:
        """Change a side, as a fault does."""
        with psycopg.connect(getattr(self.databases, side), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def begun(self, **changes: object) -> Iterator[SmokeChecker]:
        """The checker after the switch."""
        with closing(replace(self.checker, **changes)) as checker:
            checker.warm()
            checker.begin("target")
            yield checker


@pytest.fixture(scope="session")
def smoke_templates(pair: Pair) -> Iterator[tuple[str, str]]:
    for server in (pair.source, pair.target):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"create role {CLIENT} login password 'client'".encode())
    source = pair.template("source", "smoke", partial(_build, SOURCE, "public.users"))
    target = pair.template("target", "smoke", partial(_build, TARGET, "auth.users"))
    yield source, target
    for label, server in (("source", pair.source), ("target", pair.target)):
        with psycopg.connect(server.dsn(pair.templates[label, "smoke"])) as connection:
            connection.execute(f"drop owned by {CLIENT}".encode())
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"drop role {CLIENT}".encode())


def _build(schema: str, users: str, dsn: str) -> None:
    role = sql.Identifier(CLIENT)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(schema.encode())
        connection.execute(ROWS.format(users, users).encode())
        for grant in GRANTS:
            connection.execute(
                sql.SQL(grant).format(role=role, users=sql.Identifier(*users.split(".")))  # type: ignore[arg-type]
            )
        if users == "auth.users":
            connection.execute("grant usage on schema auth to smoke_client")


@pytest.fixture
def moved(pair: Pair, smoke_templates: tuple[str, str]) -> Iterator[Moved]:
    with fresh_databases(pair, *smoke_templates) as databases:
        yield _moved(databases)


def _moved(databases: Databases) -> Moved:
    dsns = {Side.SOURCE: databases.source, Side.TARGET: databases.target}
    facts = {}
    for side, dsn in dsns.items():
        with psycopg.connect(dsn, autocommit=True) as connection:
            path = "auth, public" if side is Side.TARGET else "public"
            where = f"alter role {CLIENT} in database {databases.name}"
            connection.execute(f"{where} set search_path to {path}".encode())
            facts[side] = server_facts(connection)
    client = make_conninfo(databases.target, user=CLIENT, password="client")
    checker = SmokeChecker(
        {side: partial(open_watch, dsn) for side, dsn in dsns.items()},
        facts,
        TABLES,
        MARKER,
        [ClientPlace("app.env", lambda: client)],
        [Query("q:1", "select * from users where email = 'a'"),
         Query("q:2", "update users set email = $1 where id = $2")],
    )  # fmt: skip
    return Moved(databases, checker)
