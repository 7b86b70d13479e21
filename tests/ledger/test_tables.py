"""Tables whose keys differ between the sides, and tables that need a full comparison."""

import psycopg
from ledger.rig import Rig

from pgcutover.verdict import Verdict

PARTED = """
create table app.m (id int, at date not null, v text, primary key (id, at)) partition by range (at);
create table app.m_1 partition of app.m for values from ('2026-01-01') to ('2026-02-01');
create table app.m_2 partition of app.m for values from ('2026-02-01') to ('2026-03-01');
"""
ROWS = "insert into app.m select n, '2026-01-20'::date + n, 'v' from generate_series(1, 20) n"
FOREIGN = (
    "create extension postgres_fdw",
    "create server here foreign data wrapper postgres_fdw",
    "create table app.f (id int not null) partition by range (id)",
    "create foreign table app.f_1 partition of app.f for values from (0) to (9) server here",
)


def test_keys_are_mapped_and_tables_that_cannot_be_followed_are_named(rig: Rig) -> None:
    rig.run("source", "create table app.m (id int primary key, at date not null, v text)")
    rig.run("target", PARTED)
    rig.both(ROWS, "create unlogged table app.u (id int primary key)", "create table app.k (n int)")
    rig.both(*FOREIGN)
    ledgers = rig.open()
    assert rig.compare("app.a", "app.b", "app.m", "app.u", "app.k") == {}
    whole = dict(rig.prove().whole_tables)
    assert whole.pop("app.k") == "it has no key"
    assert "unlogged" in whole.pop("app.u")
    assert whole.pop("app.f") == (
        "app.f_1 on the source is a foreign table; app.f_1 on the target is a foreign table"
    )
    assert whole == {}
    rig.run("target", "delete from app.m where id = 5")
    rig.run("target", "update app.m set at = '2026-02-20' where id = 2")
    rig.run("source", "update app.m set id = 100 where id = 20")
    rig.now.drain(2**40)
    keys = {key for (key,) in ledgers.store.fetch("select key from change where name = 'app.m'")}
    assert keys == {'["5"]', '["2"]', '["20"]', '["100"]'}
    proof = rig.prove()
    assert (proof.verdict, proof.differing) == (Verdict.FAIL, {"app.m": 4})
    rig.run("source", "delete from app.m where id = 5")
    rig.run("source", "update app.m set at = '2026-02-20' where id = 2")
    rig.run("target", "update app.m set id = 100 where id = 20")
    assert rig.prove().differing == {}
    _alter(rig)


def _alter(rig: Rig) -> None:
    """Changes of whole tables: each needs a comparison of all rows, and one suffices."""
    part = "create table app.m_3 partition of app.m for values from ('2027-01-01') to (maxvalue)"
    slot = rig.slot
    changes = {
        "app.m": [("target", part)],
        "app.a": [("source", "truncate app.a"), ("target", "truncate app.a")],
        "app.b": [("source", "alter table app.b alter v type bigint")],
    }
    for name, statements in changes.items():
        for label, statement in statements:
            rig.run(label, statement)
        assert name in rig.prove().whole_tables
        rig.compare(name)
        assert name not in rig.prove().whole_tables
    rig.run("source", f"alter publication {slot} drop table app.b")
    rig.run("source", "insert into app.b values ('hidden', 1, 1)")
    rig.run("source", f"alter publication {slot} add table app.b")
    assert "app.b" in rig.prove().whole_tables


def test_a_table_published_later_is_compared_after_the_transactions_that_were_running(
    rig: Rig,
) -> None:
    rig.open()
    assert rig.compare() == {}
    rig.both("create table app.n (id int primary key)")
    rig.known = None
    if rig.gate is not None:
        rig.gate.close()
    rig.gate = None
    with psycopg.connect(rig.databases.source) as running:
        running.execute("insert into app.n values (1)")  # not sent: not published yet
        rig.open()
        assert rig.compare("app.n") == {}
        assert rig.now.open_set().whole_tables.keys() == {"app.n"}
    rig.run("target", "insert into app.n values (1)")
    assert rig.compare("app.n") == {}
    assert rig.prove().verdict is Verdict.PASS
