"""A source with every kind of table, and the freeze over it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from support.servers import Pair, create_database, drop_database

from pgcutover.connect import open_watch, open_writer
from pgcutover.embedded.server import RunningServer
from pgcutover.freeze import Freeze, FreezeOptions, PoolerHooks
from pgcutover.mapping import RelationName

SOURCE = """
create schema app;
create table app.plain (id bigint generated always as identity primary key, body text);
create table app.parts (id bigint, day date, primary key (id, day)) partition by range (day);
create table app.parts_old partition of app.parts for values from ('2020-01-01') to ('2021-01-01');
create table app.parts_new partition of app.parts for values from ('2021-01-01') to ('2022-01-01')
    partition by list (id);
create table app.parts_one partition of app.parts_new for values in (1);
create table app.heir () inherits (app.plain);
create table app.marker (id uuid primary key, at timestamptz default now());
insert into app.plain (body) values ('a'), ('b');
insert into app.parts values (7, '2020-05-05'), (1, '2021-05-05');
"""
GRANTS = (
    "grant usage on schema app to {app}, {owner}",
    "grant select, insert on app.plain to {app}",
    "grant update (body) on app.plain to public",
    "grant insert on app.parts_old to {app}",
    "grant create on database {database} to {owner}",
    "alter table app.plain owner to {owner}",
)
TABLES = (RelationName("app", "plain"), RelationName("app", "parts"))


@dataclass
class Site:
    """A source of the test's own, with a login role for each kind of writer."""

    dsn: str
    name: str
    roles: dict[str, str]

    def freeze(
        self,
        tables: Sequence[RelationName] = TABLES,
        connect_to: str = "",
        pooler: PoolerHooks | None = None,
        **options: float,
    ) -> Freeze:
        dsn = connect_to or self.dsn
        return Freeze(
            lambda: open_writer(dsn),
            lambda: open_watch(self.dsn),
            tables,
            FreezeOptions(**options),
            pooler=pooler,
        )

    def role(self, kind: str) -> str:
        return psycopg.conninfo.make_conninfo(self.dsn, user=self.roles[kind], password="secret")


@pytest.fixture(scope="module")
def site(pair: Pair) -> Iterator[Site]:
    with site_on(pair.source, pair.template("source", "freeze", build)) as made:
        yield made


def build(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(SOURCE)


@contextmanager
def site_on(server: RunningServer, template: str | None = None) -> Iterator[Site]:
    """A database of its own, copied or built, and roles that are dropped with it."""
    name = create_database(server, template=template)
    dsn, roles = server.dsn(name), {kind: f"{name}_{kind}" for kind in ("app", "all", "owner")}
    try:
        if template is None:
            build(dsn)
        with psycopg.connect(dsn) as connection:
            for statement in grants(connection.info.server_version, name, roles):
                connection.execute(statement)
        yield Site(dsn, name, roles)
    finally:
        drop_database(server, name)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for role in roles.values():
                connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


def grants(version: int, database: str, roles: dict[str, str]) -> Iterator[sql.Composed]:
    create = sql.SQL("create role {} login password 'secret'")
    yield from (create.format(sql.Identifier(role)) for role in roles.values())
    words = {kind: sql.Identifier(role) for kind, role in roles.items()}
    words["database"] = sql.Identifier(database)
    for statement in GRANTS:
        yield sql.SQL(statement).format(**words)
    if version >= 140000:
        yield sql.SQL("grant pg_write_all_data to {all}").format(**words)


def statement_result(dsn: str, statement: str) -> str:
    """Return the SQLSTATE of a statement, or 'ok'."""
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate or "lost"
    return "ok"
