"""Test values that PostgreSQL's equality and hashes treat as equal, between majors."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from compare.lab import Lab, rule, rules, run
from support.servers import Pair, create_database, drop_database

from pgcutover.compare.hashing.calibration import LONG_TEXT, ROW, SHA256
from pgcutover.embedded.server import ServerSpec, servers

# each pair is one type and two different values, whatever `=` returns
TRAPS = [
    ("numeric", "5", "-5"),
    ("numeric", "1.0", "1.00"),
    ("numeric", "0", "0.00"),
    ("numeric", "NaN", None),
    ("numeric", "0", None),
    ("float8", "0", None),
    ("float8", "0", "-0"),
    ("float4", "0", "-0"),
    ("float8", "NaN", None),
    ("float8", "Infinity", "-Infinity"),
    ("float8", "0.1", "0.10000000000000002"),
    ("int8", "0", "4294967296"),
    ("int8", "1", "-2"),
    ("int8", "0", "-1"),
    ("timestamp", "2000-01-01", "2000-01-01 01:11:34.967296"),
    ("timestamptz", "2000-01-01+00", "2000-01-01 01:11:34.967296+00"),
    ("timestamptz", "2026-01-01 00:00:00.000001+00", "2026-01-01 00:00:00+00"),
    ("time", "00:00", "01:11:34.967296"),
    ("timetz", "12:00+00", "14:00+02"),
    ("money", "0", "42949672.96"),
    ("pg_lsn", "0/0", "1/0"),
    ("interval", "1 mon", "30 days"),
    ("interval", "1 day", "24:00"),
    ("bpchar", "a", "a  "),
    ("text", "a", "a "),
    ("text", "", None),
    ("text", "\u00e9", "e\u0301"),
    ("varchar(9)", "a", "A"),
    ("bytea", r"\x00", r"\x0000"),
    ("bool", "f", None),
    ("int4", "0", None),
    ("int2", "0", None),
    ("uuid", "00000000-0000-0000-0000-000000000000", None),
    ("date", "0044-03-15", "0044-03-15 BC"),
    ("date", "infinity", "9999-12-31"),
    ("inet", "10.0.0.1", "10.0.0.1/24"),
    ("inet", "10.0.0.1", "::ffff:10.0.0.1"),
    ("jsonb", '{"a": 1.0}', '{"a": 1.00}'),
    ("json", '{"a":1}', '{"a": 1}'),
    ("xml", "<a/>", "<a></a>"),
    ("int[]", "{1,2}", "[0:1]={1,2}"),
    ("int[]", "{}", "{NULL}"),
    ("float8[]", "{0}", "{-0}"),
    ("numeric[]", "{1.0}", "{1.00}"),
    ("numrange", "[1.0,2.0)", "[1.00,2.00)"),
    ("int4range", "empty", "(,)"),
    ("bit(3)", "101", "100"),
    ("varbit", "1", "10"),
    ("point", "(0,0)", "(0,-0)"),
    ("tsvector", "'a':1", "'a':2"),
    ("hstore", '"a"=>"1"', '"a"=>NULL'),
    ("citext", "A", "a"),
    ("ltree", "a.b", "a.c"),
    ("cube", "(1)", "(1),(2)"),
    ("mood", "sad", "glad"),
    ("money_domain", "1.0", "1.00"),
    ("two", "(,)", None),
    ("two", "(,a)", '("",a)'),
]
SETTING_UP = (
    *(f"create extension {name} schema public" for name in ("hstore", "citext", "ltree", "cube")),
    "create schema app",
    "create type app.mood as enum ('sad', 'glad')",
    "create domain app.money_domain as numeric check (value > 0)",
    "create type app.two as (x text, y text)",
)
ONE_TYPE = [rule(1, "selection", "include", "app", "%")]


def fill(dsn: str, column: int, before: tuple[str, ...] = ()) -> None:
    """Create one table per pair; side 1 holds the first value, side 2 the second."""
    run(dsn, *SETTING_UP, *before)
    with psycopg.connect(dsn) as connection:
        connection.execute("set search_path = app, public")
        for n, trap in enumerate(TRAPS):
            connection.execute(f"create table app.t{n} (id int primary key, v {trap[0]})".encode())
            insert = f"insert into app.t{n} values (1, %s), (2, %s)"
            connection.execute(insert.encode(), [trap[column], trap[1]])


@contextmanager
def lab_of_majors(pair: Pair, columns: tuple[int, int]) -> Iterator[Lab]:
    names = [create_database(server) for server in (pair.source, pair.target)]
    try:
        lab = Lab(
            pair.source.dsn(names[0]), pair.target.dsn(names[1]), rules=rules(ONE_TYPE), recent={}
        )
        fill(lab.source, columns[0], ("create sequence public.only_here",))
        # the oids of types differ between real clusters
        fill(lab.target, columns[1], tuple(f"create type public.x{n} as (a int)" for n in (1, 2)))
        yield lab
    finally:
        for server, name in zip((pair.source, pair.target), names, strict=True):
            drop_database(server, name)


def compared(lab: Lab) -> dict[int, tuple[list[tuple[str, int]], str]]:
    """Return each table's findings, and the method by which its column was compared."""
    manifest = lab.manifest()
    found = {}
    with lab.comparer(manifest) as comparer:
        for table in manifest.tables:
            diff = comparer.rows(table)
            kinds = [(f.kind, f.evidence["count"]) for f in diff.findings()]
            found[int(str(table).removeprefix("app.t"))] = kinds, diff.facts["methods"]["v"]
    return found


@pytest.fixture(scope="module", params=[(13, 17), (17, 18), (18, 17)], ids=str)
def majors(request) -> Iterator[Pair]:
    specs = [ServerSpec(side, major) for side, major in zip("ab", request.param, strict=True)]
    with servers(specs, progress=lambda _: None) as running:
        yield Pair(running["a"], running["b"])


def judge(pair: Pair) -> set[str]:
    with lab_of_majors(pair, (1, 1)) as lab:
        equal = compared(lab)
    with lab_of_majors(pair, (1, 2)) as lab:
        different = compared(lab)
    assert {TRAPS[n] for n, (kinds, _) in equal.items() if kinds} == set()
    one_changed = [("rows changed", 1)]
    assert {TRAPS[n] for n, (kinds, _) in different.items() if kinds != one_changed} == set()
    return {method for _, method in different.values()}


def test_equal_but_distinct_values_are_found(pair: Pair) -> None:
    assert judge(pair) == {"hash", "bytes", "text"}


@pytest.mark.xdist_group("majors")
def test_equal_but_distinct_values_are_found_between_other_majors(majors: Pair) -> None:
    methods = judge(majors)
    assert methods == ({LONG_TEXT} if majors.source.major < 14 else {"hash", "bytes", "text"})


def replace_function(dsn: str, name: str, body: str) -> None:
    """Types keep the server's own function by its oid; lookups by name find the replacement."""
    run(
        dsn,
        "set allow_system_table_mods = on",
        f"alter function pg_catalog.{name} rename to the_old_one_{name.partition('(')[0]}",
        f"create function pg_catalog.{name} returns {body}",
    )


def test_servers_with_different_hashes_are_compared_by_text(fresh_database, pair: Pair) -> None:
    """A real disagreement: numeric_send and time_send of the target are replaced."""
    lab = Lab(fresh_database("source"), fresh_database("target"), rules=rules(ONE_TYPE), recent={})
    for dsn in (lab.source, lab.target):
        run(
            dsn,
            "create schema app",
            "create table app.t (id int primary key, v numeric, w time, x text)",
            "insert into app.t select i, i + 0.50, '12:00', 'x' from generate_series(1, 9) i",
        )
    for name in ("numeric_send(numeric)", "time_send(time)"):
        replace_function(lab.target, name, r"bytea language sql as $$ select '\x00'::bytea $$")
    with lab.comparer() as comparer:
        table = lab.table("app.t")
        diff = comparer.rows(table)
    assert (bool(diff), diff.facts["method"]) == (False, ROW)
    assert diff.facts["methods"] == {"id": "hash", "v": "text", "w": "text", "x": "hash"}
    run(lab.target, "update app.t set v = -v where id = 3")
    with lab.comparer() as comparer:
        assert "1 row changed" in comparer.rows(table).report()


def test_sha256_is_used_if_configured(fresh_database) -> None:
    lab = Lab(fresh_database("source"), fresh_database("target"), rules=rules(ONE_TYPE), recent={})
    for dsn in (lab.source, lab.target):
        run(
            dsn,
            "create schema app",
            "create table app.t (id int primary key, v text)",
            "insert into app.t select i, 'v' || i from generate_series(1, 9) i",
        )
    table = lab.table("app.t")
    methods = {}
    for digest in ("fast", "sha256"):
        with lab.comparer(digest=digest) as comparer:
            diff = comparer.rows(table)
        assert not diff
        methods[digest] = diff.facts["method"], diff.facts["methods"]["v"]
    assert methods == {"fast": (ROW, "hash"), "sha256": (SHA256, SHA256)}


def test_servers_without_a_common_text_hash_are_compared_by_sha256(
    fresh_database, pair: Pair
) -> None:
    lab = Lab(fresh_database("source"), fresh_database("target"), rules=rules(ONE_TYPE), recent={})
    for dsn in (lab.source, lab.target):
        run(
            dsn,
            "create schema app",
            "create table app.t (id int primary key, v text)",
            "insert into app.t select i, 'v' || i from generate_series(1, 9) i",
        )
    name = "hashtextextended(text, int8)"
    replace_function(lab.target, name, "int8 language sql as $$ select 42::int8 $$")
    with lab.comparer() as comparer:
        table = lab.table("app.t")
        diff = comparer.rows(table)
    assert (bool(diff), diff.facts["method"]) == (False, "sha256 of the row's text")
    run(lab.target, "update app.t set v = 'V3' where id = 3")
    with lab.comparer() as comparer:
        assert "1 row changed" in comparer.rows(table).report()
