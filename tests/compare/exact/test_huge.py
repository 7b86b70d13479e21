"""One value of 100 MB: its last byte counts, as text and as bytes."""

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
CHANGES = (
    "update app.t set t = overlay(t placing 'y' from length(t)) where id = 0",
    "update app.t set b = set_byte(b, length(b) - 1, 0) where id = 1",
)


def test_the_last_byte_of_100_megabytes_counts(pair: Pair) -> None:
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
