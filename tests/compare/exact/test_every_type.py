"""Test every column type of a server: its example, NULL, and an array of both."""

from dataclasses import dataclass

import psycopg
import pytest
from compare.exact.bench import bench, changed, found
from compare.exact.examples import EXAMPLES, OPAQUE
from compare.lab import Lab
from psycopg import sql
from support.servers import Pair

pytestmark = pytest.mark.xdist_group("exact majors")

TYPES_A_TABLE = 18  # keys of more than 20 rows are only sampled
_TYPES = """
    select n.nspname::text, t.typname::text, t.typarray <> 0
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
     where t.typtype in ('b', 'd', 'e', 'r', 'm') and t.typisdefined and t.typname not like '\\_%'
        or n.nspname = 'app' and t.typtype = 'c'
       and (select relkind = 'c' from pg_class where oid = t.typrelid)
     order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Kind:
    schema: str
    name: str
    has_array: bool

    @property
    def sql(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def kinds_of(dsn: str) -> set[Kind]:
    with psycopg.connect(dsn) as connection:
        return {Kind(*row) for row in connection.execute(_TYPES.encode())}


def build(connection: psycopg.Connection, n: int, kinds: list[Kind]) -> None:
    """Create a table whose row k has a value only in the columns of type k, and a row of NULLs."""
    columns = [sql.SQL("id int primary key")]  # a domain can have a volatile default
    for k, kind in enumerate(kinds):
        columns.append(sql.SQL("v{} {} default null").format(sql.SQL(str(k)), kind.sql))
        if kind.has_array:
            columns.append(sql.SQL("a{} {}[]").format(sql.SQL(str(k)), kind.sql))
    table = sql.Identifier("app", f"t{n}")
    connection.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
    for k, kind in enumerate(kinds):
        insert = sql.SQL("insert into {} (id, {}) values ({}, %s)")
        value = None if kind.name in OPAQUE else EXAMPLES[kind.name]
        connection.execute(insert.format(table, sql.Identifier(f"v{k}"), k), [value])
        if kind.has_array:
            update = sql.SQL("update {} set {a} = array[{v}, null, {v}] where id = {}").format(
                table, k, a=sql.Identifier(f"a{k}"), v=sql.Identifier(f"v{k}")
            )
            connection.execute(update)
    connection.execute(sql.SQL("insert into {} (id) values (99)").format(table))


def fill(dsn: str, tables: list[list[Kind]]) -> None:
    with psycopg.connect(dsn) as connection:
        for n, kinds in enumerate(tables):
            build(connection, n, kinds)


def overwrite_values(dsn: str, column: str, tables: list[list[Kind]], what: str) -> list[set[int]]:
    """Set each row's column of its type to `what`; return the rows that had a value."""
    held = []
    with psycopg.connect(dsn) as connection:
        for n, kinds in enumerate(tables):
            held.append(set())
            for k, kind in enumerate(kinds):
                if column == "a" and not kind.has_array:
                    continue
                update = sql.SQL(
                    "update app.{t} set {c} = {w} where id = {k} and {c} is not null returning id"
                ).format(
                    t=sql.Identifier(f"t{n}"),
                    c=sql.Identifier(f"{column}{k}"),
                    k=k,
                    w=sql.SQL(what.format(k=k)),
                )
                held[-1].update(row[0] for row in connection.execute(update))
    return held


def judge(lab: Lab, differ: list[set[int]]) -> None:
    manifest = lab.manifest()
    with lab.comparer(manifest) as comparer:
        got = {str(table): found(comparer, table) for table in manifest.tables}
    assert got == {f"app.t{n}": changed(ids) for n, ids in enumerate(differ)}


def test_an_example_of_every_type_equals_itself_and_nothing_else(majors: Pair) -> None:
    with bench(majors) as lab:
        kinds = sorted(
            kinds_of(lab.source) & kinds_of(lab.target), key=lambda k: (k.schema, k.name)
        )
        assert {k.name for k in kinds} <= {*EXAMPLES, *OPAQUE}, "a type without an example"
        tables = [kinds[n : n + TYPES_A_TABLE] for n in range(0, len(kinds), TYPES_A_TABLE)]
        for dsn in (lab.source, lab.target):
            fill(dsn, tables)
        judge(lab, [set() for _ in tables])
        # an empty array differs from an array of one NULL
        in_array = overwrite_values(lab.target, "a", tables, "array[a{k}[1], null]")
        judge(lab, in_array)
        fresh = overwrite_values(lab.target, "v", tables, "null")
        judge(lab, [a | b for a, b in zip(in_array, fresh, strict=True)])
        assert sum(map(len, fresh)) > 85
