"""Test that copies of one schema and its rows are equal between any two majors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from compare.lab import Lab, rule, rules, run
from support.servers import Pair, create_database, drop_database

from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.embedded.tools import available_majors

Servers = Mapping[int, RunningServer]
ZOO = Path(__file__).parents[1] / "compare" / "zoo.sql"
NEWER_THAN_13 = {
    "mr int4multirange,": "",
    " '{[1,3),[5,7)}',": "",
    "return round($1 * 0.15, 2);": "as $$ select round($1 * 0.15, 2) $$;",
}
PAIRS = [(13, 15), (13, 18), (15, 18), (17, 18), (18, 18), (18, 15)]
SINCE_15 = """
create table app.since_15 (id int primary key, code int, a int, b int);
alter table app.since_15 add constraint code_key unique nulls not distinct (code);
alter table app.since_15 add constraint since_fk foreign key (a, b)
    references app.order_items on delete set null (b);
insert into app.since_15 values (1, null, 1, 1), (2, 2, null, null);
"""
SINCE_18 = """
create extension btree_gist schema lib;
create table app.since_18 (
    id int, during daterange, net int, gross int generated always as (net * 2) virtual,
    constraint named_not_null not null net, primary key (id, during without overlaps)
);
insert into app.since_18 (id, during, net) select i, '[2025-01-01,2025-02-01)', i
    from generate_series(1, 9) i;
create table app.loose (
    id int primary key, since int references app.accounts (id) not enforced
);
insert into app.loose values (1, 1);
"""


def schema(major: int, *more: str) -> list[str]:
    text = ZOO.read_text("utf-8")
    for words, instead in NEWER_THAN_13.items() if major < 14 else ():
        assert words in text
        text = text.replace(words, instead)
    return [text, *more]


@pytest.fixture(scope="module")
def running(pair: Pair) -> Iterator[Servers]:
    """Yield servers of all majors; 15 and 17 are the pair's, others are started for this module."""
    others = [ServerSpec(f"v{n}", n) for n in (13, 18) if n in available_majors()]
    with servers(others, progress=lambda _: None) as started:
        found = {server.major: server for server in started.values()}
        yield {15: pair.source, 17: pair.target, **found}


@contextmanager
def copies(running: Servers, source: int, target: int, *more: str) -> Iterator[Lab]:
    """Run the same statements on both sides, without those that the older major lacks."""
    if not {source, target} <= running.keys():
        pytest.skip(f"no server of PostgreSQL {source} or {target} for this machine")
    names = [create_database(running[major]) for major in (source, target)]
    dsns = [running[m].dsn(name) for m, name in zip((source, target), names, strict=True)]
    try:
        for dsn in dsns:
            run(dsn, *schema(min(source, target), *more))
        plain = [rule(n, "selection", "include", s, "%") for n, s in enumerate(("app", "outside"))]
        yield Lab(*dsns, rules=rules(plain), recent={"app.ledger": "at"})
    finally:
        for major, name in zip((source, target), names, strict=True):
            if major in (15, 17):  # the other servers are stopped as a whole
                drop_database(running[major], name)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_copies_are_equal(running: Servers, source: int, target: int) -> None:
    more = [SINCE_15] if min(source, target) >= 15 else []
    more += [SINCE_18] if min(source, target) >= 18 else []
    with copies(running, source, target, *more) as lab:
        results = lab.judge()
    assert (results.red, results.unknown) == ({}, {})
    assert len(results.green) > 150


def test_faults_are_seen_across_five_majors(running: Servers) -> None:
    with copies(running, 13, 18) as lab:
        run(
            lab.target,
            "update app.typed set f8 = f8 * (1 + 1e-15) where id = 3",
            "drop index app.orders_meta_gin",
            "alter table app.aliases disable trigger all",
        )
        results = lab.judge()
    assert results.red.keys() == {
        "DATA-ROWS[app.typed]",
        "SCHEMA-INDEXES[app.orders_meta_gin]",
        "SCHEMA-FKS[app.aliases.aliases_code_fkey]",
    }
    assert results.unknown == {}


def test_a_stored_column_that_became_virtual_is_seen(running: Servers) -> None:
    made = "create table app.v (id int primary key, w int generated always as (id * 2) {})"
    with copies(running, 17, 18) as lab:
        run(lab.source, made.format("stored"), "insert into app.v values (1), (2)")
        run(lab.target, made.format("virtual"), "insert into app.v values (1), (2)")
        results = lab.judge()
    assert results.red.keys() == {"SCHEMA-COLUMNS[app.v]"}
    assert "expected stored (id * 2), found virtual (id * 2)" in results.text


def test_a_virtual_column_of_another_expression_gives_other_rows(running: Servers) -> None:
    made = "create table app.v (id int primary key, w int generated always as (id * {}))"
    with copies(running, 18, 18) as lab:
        for dsn, factor in ((lab.source, "2"), (lab.target, "3")):
            run(dsn, made.format(factor), "insert into app.v values (1), (2)")
        results = lab.judge()
    assert results.red.keys() == {"SCHEMA-COLUMNS[app.v]", "DATA-ROWS[app.v]"}


def test_a_foreign_key_that_is_not_enforced_is_seen(running: Servers) -> None:
    with copies(running, 17, 18) as lab:
        run(
            lab.target,
            "alter table app.ledger alter constraint ledger_account_id_fkey not enforced",
        )
        results = lab.judge()
    assert results.red.keys() == {"SCHEMA-FKS[app.ledger.ledger_account_id_fkey]"}
    assert "is not enforced on the target" in results.text
