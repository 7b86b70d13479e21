"""Test names that need quoting, and names that are ambiguous when joined with dots."""

from collections.abc import Sequence

import pytest
from compare.lab import Lab, rule, rules, run
from psycopg import sql
from pydantic import TypeAdapter

from pgcutover.catalog import Manifest
from pgcutover.errors import ConfigError

EXOTIC = [
    'quo"te',
    "apo'strophe",
    "dot.ted",
    "new\nline",
    "per%cent",
    "per%scent",
    "bra{}ce",
    "emoji 😀",
    "Mixed Case",
    "select",
    "back\\slash",
    "b" * 63,
    "é" * 31,
    " blanks ",
    "$$",
    "r",
]


def statements(name: str) -> Sequence[str]:
    """Return statements for a schema, table, column, index and foreign key of that name."""
    names = {
        "s": sql.Identifier(name),
        "t": sql.Identifier(name, name),
        "child": sql.Identifier(name, "child"),
        "c": sql.Identifier(name),
        "i": sql.Identifier(f"i{name}"[:31]),
    }
    texts = [
        "create schema {s}",
        "create table {t} ({c} text primary key, at timestamptz, gone text)",
        "create index {i} on {t} (lower({c}), gone) where {c} <> 'x'",
        "create table {child} (id int primary key, {c} text constraint {s} references {t})",
        "insert into {t} select 'v' || i, '2025-01-01', 'x' from generate_series(1, 5) i",
        "insert into {child} select i, 'v' || i from generate_series(1, 5) i",
    ]
    return [sql.SQL(text).format(**names).as_string() for text in texts]


@pytest.fixture
def exotic(databases) -> Lab:
    plain = [
        rule(n, "selection", "include", name.replace("%", "[%]"), "%")
        for n, name in enumerate(EXOTIC)
    ]
    lab = Lab(databases.source, databases.target, rules=rules(plain), recent={})
    lab.recent = {f"{name}.{name}": "at" for name in EXOTIC}
    for dsn in (lab.source, lab.target):
        for name in EXOTIC:
            run(dsn, *statements(name))
    return lab


def test_exotic_names_are_green_when_equal_and_red_when_not(exotic: Lab) -> None:
    results = exotic.judge()
    assert (results.red, results.unknown) == ({}, {})
    manifest = exotic.manifest()
    assert TypeAdapter(Manifest).validate_json(manifest.to_json()) == manifest
    for name in EXOTIC:
        table, child = sql.Identifier(name, name), sql.Identifier(name, "child")
        change = sql.SQL(
            "set session_replication_role = replica; update {t} set {c} = 'w1' where {c} = 'v1';"
            "alter table {child} drop constraint {c}"
        ).format(t=table, child=child, c=sql.Identifier(name))
        run(exotic.target, change.as_string())
    results = exotic.judge()
    assert results.unknown == {}
    assert results.red.keys() == {
        *(f"{check}[{n}.{n}]" for n in EXOTIC for check in ("DATA-ROWS", "DATA-RECENT")),
        *(f"{check}[{n}.child.{n}]" for n in EXOTIC for check in ("SCHEMA-FKS", "DATA-ORPHANS")),
    }


@pytest.mark.parametrize(
    "made",
    [
        'create schema "a.b"; create table "a.b".c (id int primary key);'
        'create schema a; create table a."b.c" (id int constraint other primary key)',
        'create schema a; create table a.b (id int primary key);'
        'create schema "a.b"; create table "a.b".t (id int constraint x primary key);'
        'alter index "a.b".x rename to pkey; create unique index "b.pkey" on a.b (id)',
    ],
)  # fmt: skip
def test_two_objects_that_read_the_same_are_refused(databases, made: str) -> None:
    plain = [rule(n, "selection", "include", s, "%") for n, s in enumerate(("a", "a.b"))]
    lab = Lab(databases.source, databases.target, rules=rules(plain), recent={})
    for dsn in (lab.source, lab.target):
        run(dsn, made)
    with pytest.raises(ConfigError, match=r"a\.b\.(c|pkey)"):
        lab.manifest()
