"""Test that role settings and objects that shadow built-in ones cannot change a result."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from compare.exact.bench import bench, changed, found
from compare.lab import Lab, run
from psycopg.conninfo import make_conninfo
from support.servers import Pair

SETTINGS = {
    "datestyle": "SQL, DMY",
    "timezone": "Asia/Kathmandu",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "xmlbinary": "hex",
    "xmloption": "document",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "lc_messages": "C",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "enable_indexscan": "off",
    "enable_seqscan": "off",
    "work_mem": "64kB",
    "row_security": "on",
}
TABLE = """
    create table app.t (
        id int primary key, a text, b varchar(9), c bpchar, d numeric, e float8, f float4, g int8,
        h timestamptz, i timestamp, j interval, k timetz, l bytea, m money, n xml, o jsonb,
        p app.two, q citext, r hstore, s float8[], t timestamptz[], u tstzrange, v uuid, w boolean
    )
"""
ROWS = """
    insert into app.t
    select i, 'aé', 'b', 'c ', 3.10, 3.1, 0.3, i, timestamptz '2026-03-04 05:06:07.8+00',
           '2026-03-04', '1 mon -2 days 3:04', '12:00+02', '\\x00ff', 1.05, '<a/>', '{"a": 1.0}',
           row('x', 3.1)::app.two, 'Q', 'a=>NULL', '{3.1,-0}',
           array[timestamptz '2026-03-04 05:06:07.8+00'], '[2026-03-04 05:06+00,)',
           'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', null
      from generate_series(0, 19) i
"""
# each changes one row, mostly so that `=` or shorter output does not show it
CHANGES = [
    "a = 'áé'", "c = 'c  '", "d = 3.1", "e = 3.1000000000000005", "f = 0.30000004", "g = -1 - g",
    "h = h + interval '1 microsecond'", "j = '29 days 23:00'", "k = '10:00+00'", "l = '\\x00fe'",
    "m = -1.05", "n = '<a></a>'", "o = '{\"a\": 1}'", "p = row('x', 3.1000000000000005)::app.two",
    "q = 'q'", "r = 'a=>\"NULL\"'", "s = '{3.1,0}'", "w = false",
]  # fmt: skip
LIES = [
    ("hash_record_extended(anyelement, int8)", "int8", "1"),
    ("hashint4extended(int4, int8)", "int8", "1"),
    ("hashtextextended(text, int8)", "int8", "1"),
    ("hashfloat8extended(float8, int8)", "int8", "1"),
    ("uuid_hash_extended(uuid, int8)", "int8", "1"),
    ("int8(int4)", "int8", "1"),
    ("int4(bool)", "int4", "1"),
    ("float8(float4)", "float8", "1"),
    ("age(xid)", "int4", "0"),
    ("octet_length(text)", "int4", "1"),
    ("length(text)", "int4", "1"),
    ("sha256(bytea)", "bytea", "'x'"),
    ("encode(bytea, text)", "text", "'x'"),
    ("convert_to(text, name)", "bytea", "'x'"),
    ("substring(bytea, int4, int4)", "bytea", "'x'"),
    ("get_bit(bytea, int4)", "int4", "0"),
    ("numeric_send(numeric)", "bytea", "'x'"),
    ("int8send(int8)", "bytea", "'x'"),
    ("float8send(float8)", "bytea", "'x'"),
    ("interval_send(interval)", "bytea", "'x'"),
    ("timestamptz_send(timestamptz)", "bytea", "'x'"),
    ("current_setting(text)", "text", "'x'"),
    ("same(int4, int4)", "bool", "true"),
    ("same(int8, int8)", "bool", "true"),
    ("same(text, text)", "bool", "true"),
    ("same(app.two, app.two)", "bool", "true"),
    ("glued(text, text)", "text", "'x'"),
    ("less(int8, int8)", "int8", "0"),
    ("as_text(app.two)", "text", "'x'"),
    ("as_text(app.mood)", "text", "'x'"),
    ("first(int8, int8)", "int8", "1"),
]
EVIL = [
    "create schema evil",
    "set check_function_bodies = off",
    *(
        f"create function evil.{name} returns {kind} language sql immutable"
        f" as $$ select {value}::{kind} $$"
        for name, kind, value in LIES
    ),
    "create operator evil.= (leftarg = int4, rightarg = int4, procedure = evil.same)",
    "create operator evil.= (leftarg = int8, rightarg = int8, procedure = evil.same)",
    "create operator evil.= (leftarg = text, rightarg = text, procedure = evil.same)",
    "create operator evil.= (leftarg = app.two, rightarg = app.two, procedure = evil.same)",
    "create operator evil.|| (leftarg = text, rightarg = text, procedure = evil.glued)",
    "create operator evil.# (leftarg = int8, rightarg = int8, procedure = evil.less)",
    "create operator evil.& (leftarg = int8, rightarg = int8, procedure = evil.less)",
    "create operator evil.>> (leftarg = int8, rightarg = int8, procedure = evil.less)",
    "create operator evil.% (leftarg = int8, rightarg = int8, procedure = evil.less)",
    "create cast (app.two as text) with function evil.as_text(app.two) as implicit",
    "create cast (app.mood as text) with function evil.as_text(app.mood) as assignment",
    "create aggregate evil.count (int8) (sfunc = evil.first, stype = int8, initcond = '1')",
    "create aggregate evil.sum (int8) (sfunc = evil.first, stype = int8, initcond = '1')",
    "create aggregate evil.max (int8) (sfunc = evil.first, stype = int8, initcond = '1')",
    "create domain evil.int8 as int check (value < 2)",
    "create domain evil.numeric as numeric(3, 0)",
    "create type evil.pg_type as (oid oid, typname text)",
    "create table evil.pg_class (oid oid, relname text)",
    "create table evil.pg_attribute (attrelid oid, attname text)",
    "create table evil.pg_settings (name text, setting text)",
]


@contextmanager
def misled(dsn: str) -> Iterator[str]:
    """Yield a superuser's DSN with every wrong setting and `evil` first in its search_path."""
    name = f"misled_{uuid4().hex[:12]}"
    run(
        dsn,
        f"create role {name} superuser login password 'misled'",
        *(f"alter role {name} set {setting} = '{value}'" for setting, value in SETTINGS.items()),
        f"alter role {name} set search_path = evil, app, public, pg_catalog",
    )
    try:
        yield make_conninfo(dsn, user=name, password="misled")
    finally:
        run(dsn, f"drop role {name}")


@pytest.fixture(scope="module", params=["source", "target"])
def hostile(request, pair: Pair) -> Iterator[tuple[Lab, Lab]]:
    """The lab of a misled role on one side, and the lab of the databases' owner."""
    with bench(pair, TABLE, ROWS) as lab:
        honest = getattr(lab, request.param)
        run(honest, *EVIL)
        with misled(honest) as dsn:
            sides = {"source": lab.source, "target": lab.target, request.param: dsn}
            yield Lab(**sides, rules=lab.rules, recent={}), lab


def test_the_role_is_really_misled(hostile: tuple[Lab, Lab]) -> None:
    """Without this the next test would prove nothing."""
    lab, honest = hostile
    (dsn,) = {lab.source, lab.target} - {honest.source, honest.target}
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select 7 = 8, p::pg_catalog.text, hashint4extended(id, 5), 0.1::float8::varchar,"
            " h::varchar, id::int8 from app.t where id operator(pg_catalog.=) 1"
        ).fetchone()
    assert row == (True, "x", 1, "0.1", "04/03/2026 10:51:07.8 +0545", 1)


def test_a_misled_role_finds_what_differs_and_nothing_else(hostile: tuple[Lab, Lab]) -> None:
    lab, honest = hostile
    manifest = lab.manifest()
    table = next(t for t in manifest.tables if t.target.name == "t")
    with lab.comparer(manifest) as comparer:
        assert comparer.counts(table).facts["rows_target"] == 20  # evil.count is not called
        assert found(comparer, table) == []
    changes = enumerate(CHANGES)
    run(honest.target, *(f"update app.t set {change} where id = {n}" for n, change in changes))
    with lab.comparer(manifest) as comparer:
        assert found(comparer, table) == changed(range(len(CHANGES)))
