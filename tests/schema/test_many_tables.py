"""Test that hundreds of tables with unusual names give no false alarm."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from schema.real.lab import all_tables, moved_tables, provision, report_of, restore
from support.servers import Databases, Pair, fresh_databases

SCHEMAS = (
    "public", "plain", "Mixed Case", 'quo"ted', "dot.ted", "line\nbreak", "smile 😀 here", "select",
)  # fmt: skip
TABLES_EACH = 65
ODD = (
    "{n}", "Table {n}", 'say "{n}"', "a.b.{n}", "tab\t{n}", "line\n{n}", "🐘 {n}", "it's {n}",
    "100% of_{n}", "[{n}]", "back\\slash {n}", "é́ {n}", " {n} ", "order {n}", "$1 {n}", "a;b--{n}",
)  # fmt: skip


def odd(n: int) -> str:
    """Return one of the names; every seventeenth has the maximum length."""
    if n % 17 == 16:
        return f"{n:0>63}"
    return ODD[n % len(ODD)].format(n=n)


def made() -> Iterator[sql.Composable]:
    """Create a schema of 520 tables with all their parts; partitions come first."""
    for n, schema in enumerate(SCHEMAS):
        if schema != "public":
            yield _format("create schema {}", [schema])
        yield _format("create type {} as enum ('a', 'b''c')", [schema, f"kind {n}"])
        yield _format("create sequence {} increment by 7", [schema, f"shared {n}"])
        for i in range(TABLES_EACH):
            yield from _table(schema, n * TABLES_EACH + i, i)


def _table(schema: str, n: int, i: int) -> Iterator[sql.Composable]:
    name, other, shared = odd(n), odd(n + 1) + "x", f"shared {n // TABLES_EACH}"
    table, number = [schema, name], sql.Literal(n)
    if i % 13 == 12:
        yield from _partitioned(schema, name)
    else:
        yield _format(
            "create table {} ({} serial primary key, {} integer default {}, {} text collate \"C\""
            " default {}, {} {} not null default 'a', {} numeric(9, 2) check ({} > {}))",
            table, ["id"], [other[:63]], sql.SQL("nextval({})").format(sql.Literal(
                sql.Identifier(schema, shared).as_string(None))), ["some text"],
            sql.Literal(f"it's {n}"), ["kind"], [schema, f"kind {n // TABLES_EACH}"], ["amount"],
            ["amount"], number,
        )  # fmt: skip
        yield _format("create index on {} ({})", table, ["some text"])
    yield _format(
        "create unique index {} on {} ({} desc, lower({})) where {} <> {}",
        [f"{n} {name}"[:50]], table, ["id"], ["some text"], ["some text"], sql.Literal(name),
    )  # fmt: skip
    if i and i % 13 != 0:
        parent = [schema, odd(n - 1)]
        yield _format(
            "alter table {} add constraint {} foreign key ({}) references {} on delete cascade",
            table, [f"fk {name}"[:50]], ["id"], parent,
        )  # fmt: skip
    if i % 5 == 0:
        yield _format(
            "create view {} as select {}, count(*) over () from {} where {} is not null",
            [schema, f"view {n}"], ["some text"], table, ["some text"],
        )  # fmt: skip
        yield _format("comment on column {} is {}", [*table, "some text"], sql.Literal(name))


def _partitioned(schema: str, name: str) -> Iterator[sql.Composable]:
    yield _format(
        "create table {} ({} integer, {} text, primary key ({})) partition by range ({})",
        [schema, name], ["id"], ["some text"], ["id"], ["id"],
    )  # fmt: skip
    for low in (0, 100):
        yield _format(
            "create table {} partition of {} for values from ({}) to ({})",
            [schema, f"{low} {name}"[:40]], [schema, name], sql.Literal(low),
            sql.Literal(low + 100),
        )  # fmt: skip


def _format(words: str, *parts: object) -> sql.Composable:
    """Format a statement; a list is a qualified name."""
    named = [sql.Identifier(*part) if isinstance(part, list) else part for part in parts]
    return sql.SQL(words).format(*named)


@pytest.fixture(scope="module")
def many_tables(pair: Pair) -> str:
    """The name of a source database with all these tables."""
    return pair.template("source", "many tables", _build)


def _build(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for statement in made():
            connection.execute(statement)


def test_many_tables_under_odd_names_are_restored_without_a_finding(
    pair: Pair, many_tables: str
) -> None:
    with fresh_databases(pair, source_template=many_tables) as databases:
        restore(databases)
        _has_them_all(databases)
        output = report_of(databases, all_tables(databases.source))
    assert output.anything == []
    assert output.objects > 7000


def test_many_tables_under_odd_names_are_renamed_without_a_finding(
    pair: Pair, many_tables: str, tmp_path
) -> None:
    with fresh_databases(pair, source_template=many_tables) as databases:
        # each rule is matched against every table
        rules = moved_tables(databases.source, third=19, second=21)
        provision(databases, tmp_path / "scripts", rules)
        _has_them_all(databases)
        output = report_of(databases, rules)
    assert output.anything == []
    assert output.objects > 7000


def _has_them_all(databases: Databases) -> None:
    with psycopg.connect(databases.target) as connection:
        tables = connection.execute(
            "select count(*) from pg_class where relkind in ('r', 'p') and not relispartition"
            " and relnamespace::regnamespace::text !~ '^(pg_|information_schema|pgcutover)'"
        ).fetchone()
    assert tables == (len(SCHEMAS) * TABLES_EACH,)
