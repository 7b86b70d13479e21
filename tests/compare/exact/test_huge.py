"""Test values of hundreds of megabytes, as text and as bytea, that differ in their last byte."""

from compare.exact.bench import changed, found
from compare.lab import Lab, rule, rules, run
from support.servers import Pair, fresh_databases

MEGABYTES = 100
MADE = f"""
    create schema app;
    create table app.t (id int primary key, t text, b bytea);
    insert into app.t (id, t) select 0, repeat(md5('a'), {MEGABYTES * 2**20 // 32}) || 'x';
    insert into app.t (id, b) select 1, convert_to(t, 'UTF8') from app.t;
    insert into app.t values (2, 'small', 'small');
"""
LARGEST = """
    create schema app;
    create table app.t (id int primary key, b bytea);
    alter table app.t alter b set storage external;
    insert into app.t values (0, convert_to(repeat('x', 540000000), 'UTF8'));
"""
CHANGES = (
    "update app.t set t = overlay(t placing 'y' from length(t)) where id = 0",
    "update app.t set b = set_byte(b, length(b) - 1, 0) where id = 1",
)


def test_a_change_in_the_last_byte_of_100_megabytes_is_found(pair: Pair) -> None:
    with fresh_databases(pair) as made:
        everything = rules([rule(1, "selection", "include", "app", "%")])
        lab = Lab(made.source, made.target, rules=everything, recent={})
        for dsn in (lab.source, lab.target):
            run(dsn, MADE)
        manifest = lab.manifest()
        (table,) = manifest.tables
        with lab.comparer(manifest) as comparer:
            assert found(comparer, table) == []
        run(lab.target, *CHANGES)
        with lab.comparer(manifest) as comparer:
            assert found(comparer, table) == changed([0, 1])


def test_a_value_too_large_for_text_is_compared_and_sampled(pair: Pair) -> None:
    """Its hexadecimal text would exceed 1 GB, so the sample must not need it."""
    with fresh_databases(pair) as made:
        everything = rules([rule(1, "selection", "include", "app", "%")])
        lab = Lab(made.source, made.target, rules=everything, recent={})
        for dsn, value in ((lab.source, LARGEST), (lab.target, LARGEST.replace("'x'", "'y'"))):
            run(dsn, value)
        manifest = lab.manifest()
        with lab.comparer(manifest) as comparer:
            diff = comparer.rows(manifest.tables[0])
    (finding,) = diff.findings()
    assert (finding.kind, list(finding.evidence["columns"])) == ("rows changed", ["b"])
